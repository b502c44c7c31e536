// What a blocked thread waits for, and who can end that.
// Any context. Trivially copyable, like everything that one stage hands to the next.
#pragma once

#include <cstddef>
#include <cstdint>

namespace holdwatch {

// What shows that a thread holds a lock, or can end a wait. recorded: its own record. stated: what the lock, or another
// object of libc's or the kernel's, says of it. The others are guesses.
enum class Evidence : uint8_t { recorded, stated, guard, code, learnt, stack };

// Whether that is no proof: reports say "likely".
constexpr bool is_guess(Evidence evidence) {
  return evidence == Evidence::code || evidence == Evidence::learnt || evidence == Evidence::stack;
}

enum class WaitKind : uint8_t {
#define HOLDWATCH_WAIT_KIND(name, json_name) name,
#include "shim/common/contract/wait_kinds.def"
#undef HOLDWATCH_WAIT_KIND
};

inline constexpr size_t kThreadNameSize = 16;  // TASK_COMM_LEN, with the terminating zero
inline constexpr size_t kWaitNameSize = 96;
inline constexpr size_t kMaxEnders = 4;
inline constexpr size_t kRootDoingSize = 256;

// Whether a process is one that alone can end a wait, and has one thread only: then it is that thread. likely: another process, into
// which we may not look, may be able to as well.
enum class OnlyThread : uint8_t { no, likely, proven };

// A thread that can end the wait: that holds, runs, or is what is waited for.
struct Ender {
  int pid;  // 0: this process
  int tid;  // another process: its main thread
  Evidence evidence;
  char thread[kThreadNameSize];      // its name; empty: not known
  OnlyThread only = OnlyThread::no;  // where the kernel names a process
  bool shares = false;               // a lock of a file, which it has for reading
};

// Why nobody is named who can end a wait.
enum class EnderGap : uint8_t {
  none,       // somebody is named, or nothing can be said
  unwatched,  // it takes watching the process to see who ends such waits
  unseen,     // no thread has been seen to end one
  several,    // more threads have than one, or than are missing at a barrier
  exited,     // who has is gone
  younger,    // the thread that the lock names began after the wait, so it may not be the one that is meant
  processes,  // the object is shared with other processes
  on_stack,   // the object is on the waiting thread's stack
  not_stated  // the lock does not say who has it
};

inline constexpr uint32_t kEndsNotCounted = UINT32_MAX;  // the search for them was not complete

struct Wait {
  bool known;  // false: the thread does not wait, or it was not found out for what; the rest has no meaning
  WaitKind kind;
  uintptr_t object;  // the lock, semaphore, condition, flag ...; 0 if there is none, or its address is not known
  bool has_timeout;
  bool timeout_is_known;
  bool may_be_interrupted;  // its process catches SIGALRM, with which programs give system calls a timeout
  uint64_t timeout_ns;      // the time left; 0 if it is over, or not known
  // Of a wait that is made again whenever it has timed out: how often it has, for how long that has been going on, and how long
  // the present one lasts until its timeout (0: not known). All 0 if it is not known to be one.
  uint64_t timeouts, repeated_ns, slice_ns;
  uint32_t ender_count;  // 0: not known
  Ender enders[kMaxEnders];
  uint32_t other_ends;       // of a pipe or a socket: how many other processes have its other end
  bool other_end_is_here;    // the waiting thread's process has it too
  char name[kWaitNameSize];  // of the object, empty if none is known: of a variable; of a stream, its descriptor
  EnderGap gap;
  Ender last;           // the other thread that ended such a wait last, perhaps not who can end this; tid 0: not known
  bool last_is_before;  // the waiting thread itself has done so later
  uintptr_t last_pc;    // where that call returned to
  uint64_t last_ns;     // when that was (CLOCK_MONOTONIC)
  uint32_t arrived, needed;  // of a barrier: how many threads are there, of how many; needed is 0 if not known
};

// The thread of this process that alone can end the wait, by proof or only likely; null if there is none.
constexpr const Ender* only_thread(const Wait& wait) {
  if (!wait.known || wait.ender_count == 0) return nullptr;
  // Of this process's lock of a file, the process is certain, and comes first; which of its threads took it may be likely.
  const bool is_after_process = wait.kind == WaitKind::file_lock && wait.other_end_is_here && wait.ender_count == 2;
  const Ender& last = wait.enders[wait.ender_count - 1];
  return (wait.ender_count == 1 || is_after_process) && last.pid == 0 ? &last : nullptr;
}

// The same, or such a thread of another process.
constexpr const Ender* only_thread_anywhere(const Wait& wait) {
  if (!wait.known || wait.ender_count != 1 || wait.enders[0].pid == 0) return only_thread(wait);
  const bool names_thread = wait.kind == WaitKind::mutex || wait.kind == WaitKind::rwlock;
  return names_thread || wait.enders[0].only != OnlyThread::no ? &wait.enders[0] : nullptr;
}

// Whether the wait ends by itself, as far as anybody can tell: it may be interrupted; or it has a timeout, and is not a slice, short
// against the whole of a wait that its thread has made again whenever it had timed out.
constexpr bool ends_by_timeout(const Wait& wait) {
  constexpr uint64_t kTimeouts = 3;
  constexpr uint64_t kSlices = 4;
  const bool is_slice = wait.timeouts >= kTimeouts && wait.slice_ns > 0 && wait.slice_ns <= wait.repeated_ns / kSlices;
  return wait.may_be_interrupted || (wait.has_timeout && !is_slice);
}

// It waits for a lock, but the lock does not say who has it.
constexpr bool is_for_unknown_holder(const Wait& wait) {
  const bool is_lock = wait.kind == WaitKind::mutex || wait.kind == WaitKind::rwlock || wait.kind == WaitKind::stream ||
                       wait.kind == WaitKind::loader || wait.kind == WaitKind::libc;
  return wait.known && is_lock && wait.ender_count == 0;
}

inline constexpr size_t kMaxChain = 8;

// A thread that the one before it waits for.
struct ChainThread {
  int tid;                       // of another process if the wait before says so
  char thread[kThreadNameSize];  // empty: not known
  uint32_t lock_id;  // of the lock that it holds and the one before waits for; 0: it is waited for in another way
  Wait wait;         // what it waits for itself
};

// From the thread that a holder waits for to the one that waits for nobody who is known. Only if each of the threads has
// stayed where it was while all were looked at.
struct WaitChain {
  uint32_t count;  // 0: the holder waits for nobody who is known, or not for a single thread
  ChainThread threads[kMaxChain];
  char root_doing[kRootDoingSize];  // what the last one is doing; empty: not known
  // The last one waits for the holder, but who comes next is likely only at one step or more: there is no root.
  bool comes_back;
  uint32_t
      back_lock_id;  // then: of the holder's lock that the last one waits for; 0: it waits for the holder in another way
};

}  // namespace holdwatch
