// What a blocked thread waits for, and who can end that.
// Any context. Trivially copyable, like everything that one stage hands to the next.
#pragma once

#include <cstddef>
#include <cstdint>

namespace holdwatch {

// What shows that a thread holds a lock, or can end a wait. recorded: its own record. stated: what the lock, or another
// object of libc's or the kernel's, says of it. The others are guesses.
enum class Evidence : uint8_t { recorded, stated, guard, code, learnt, stack };

enum class WaitKind : uint8_t {
#define HOLDWATCH_WAIT_KIND(name, json_name) name,
#include "shim/common/contract/wait_kinds.def"
#undef HOLDWATCH_WAIT_KIND
};

inline constexpr size_t kThreadNameSize = 16;  // TASK_COMM_LEN, with the terminating zero
inline constexpr size_t kMaxEnders = 4;

// A thread that can end the wait: that holds, runs, or is what is waited for.
struct Ender {
  int pid;  // 0: this process
  int tid;  // another process: its main thread
  Evidence evidence;
  char thread[kThreadNameSize];  // its name; empty: not known
};

struct Wait {
  bool known;  // false: the thread does not wait, or it was not found out for what; the rest has no meaning
  WaitKind kind;
  uintptr_t object;  // the lock, semaphore, condition, flag ...; 0 if there is none, or its address is not known
  bool has_timeout;
  uint64_t timeout_ns;   // the time left; 0 if it is over, or not known
  uint32_t ender_count;  // 0: not known
  Ender enders[kMaxEnders];
  uint32_t arrived, needed;  // of a barrier: how many threads are there, of how many; needed is 0 if not known
  int descriptor;            // of a stream or a file; -1: none, or not known
};

}  // namespace holdwatch
