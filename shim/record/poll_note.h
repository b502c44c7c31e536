// That a thread tries again and again, in vain, to take the same lock: by trylock, or with a timeout that is over before it gets it.
// note_failed_try: hot context, after a failed call only; no allocation, no lock, no system call, errno untouched. Any other thread may
// read at any time.
//
// A run of tries goes on as long as the thread has acquired no lock at all in between, which the slot at the top of its record and
// its number show: so it has not had this one either, as one that tries first and then locks. A thread that takes other locks
// between its tries, or tries two locks in turn, is not recognized.
#pragma once

#include <atomic>
#include <cstdint>

#include "shim/base/clock_line.h"
#include "shim/record/lock_word.h"
#include "shim/record/note_version.h"

namespace holdwatch {

struct WaitView;
struct Caller;
class OwnerRecord;

// Beside a thread's record (thread_table.h), since that has no room left. One cache line.
struct alignas(kCacheLine) PollNote {
  NoteVersion version;            // of all but `mark` and `tries`, which change during a run
  std::atomic<uint64_t> word{0};  // LockWord; 0: no run
  std::atomic<uint64_t> since_ns{0};
  std::atomic<uint64_t> mark{0};  // of the owner's: see SlotStack::top_mark
  std::atomic<uint64_t> tries{0};
  std::atomic<uintptr_t> pc{0}, sp{0}, bp{0};  // the caller of the first try
};
static_assert(sizeof(PollNote) == kCacheLine);

// Whether any thread has ever failed to take a lock at once.
bool has_failed_tries();

// `own_uses`: how many uses of the top slot belong to the call itself: 1 if it has published a wait, else 0.
[[gnu::noinline, gnu::cold]] void note_failed_try(OwnerRecord& record, LockWord lock, const Caller& caller,
                                                  uint64_t own_uses);

// The run, as a wait with the number of its tries. False if there is none, or if it changes while it is being read.
bool view_poll(uint32_t record_index, WaitView* out);
// Whether it is still the same run. `number`: of the view's identity.
bool poll_lasts(uint32_t record_index, uint64_t number);

}  // namespace holdwatch
