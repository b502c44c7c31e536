// Who has ended waits for an object: signalled a condition, posted a semaphore, come to a barrier, woken a futex word. This
// is noted only for objects for which a thread has waited while it held a lock: a small table, empty in most processes.
// ends_are_noted: hot context. note_end_slow: hot context too, also in signal handlers; no allocation, no lock, no system
// call, errno untouched. The rest may be called by any thread.
#pragma once

#include <sys/syscall.h>

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "shim/common/contract/learnt_end.h"

namespace holdwatch {

inline constexpr long kNoCall = -1;

// SYS_futex while the table contains an object, else kNoCall: so the hook of syscall(2) needs one comparison. Written with
// every change of the table (relaxed: a late reader misses a note). On a line of its own, which hardly ever changes.
struct alignas(64) NotedEnds {
  std::atomic<long> call{kNoCall};
};
[[gnu::visibility("hidden")]] extern NotedEnds g_noted_ends;

inline bool ends_are_noted() {
  return g_noted_ends.call.load(std::memory_order_relaxed) != kNoCall;
}

// The calling thread is about to end a wait for the object; `pc` is its call. Does nothing for an object that is not in the
// table.
[[gnu::noinline, gnu::cold]] void note_end_slow(const void* object, size_t size, uintptr_t pc);

// A thread that holds a lock waits for the object that this address belongs to: from now on, note who ends such waits.
// Without a free entry, nothing happens.
void note_ends_of(uintptr_t address);

// The object is being destroyed, or initialized: what was noted does not belong to the next one.
[[gnu::noinline, gnu::cold]] void forget_ends_slow(const void* object, size_t size);

// The calling thread is about to exit: its notes are not those of the next thread with its id.
void note_exit_of_ender(int tid);

// Frees entries that nobody has waited for lately. The watcher, once in a while.
void forget_old_ends(uint64_t now_ns);

// The threads that have ended waits for the object since it is in the table, the last one first. One that has exited since has
// a negative id (-tid).
LearntEnds learnt_ends(uintptr_t object, size_t size);

// In the child after fork: a note that another thread had begun will never be finished.
void learnt_enders_after_fork();

}  // namespace holdwatch
