// Consistent copies of the holds and waits in threads' records, for the watcher and the reporter.
// Cold context. Reads only records, never a lock: a lock may be gone while its holder's slot is still being read.
#pragma once

#include <cstddef>
#include <cstdint>

#include "shim/base/clock_line.h"
#include "shim/record/lock_word.h"
#include "shim/record/thread_record.h"

namespace holdwatch {

// Instead of a slot's index: the thread's run of tries (poll_note.h), whose number is that of the note.
inline constexpr uint32_t kPollSlot = UINT32_MAX - 1;

// Identifies a hold or wait: the record's index, the slot's index in it and the slot's use number. Never reused.
struct Identity {
  uint32_t record;
  uint32_t slot;
  uint64_t number;
  friend bool operator==(const Identity&, const Identity&) = default;
};

// A held lock, as its slot was at one moment.
struct HoldView {
  Identity identity;
  LockWord word;
  int tid;
  bool gone;          // its thread has exited
  uint64_t since_ns;  // tick at the acquisition
  uint64_t tsc;
  uint32_t levels;         // acquisitions in this slot that were not released yet: usually one
  bool first_is_released;  // the first was released, but not all; the fields below belong to the oldest level left
  Identity site;           // the slot that contains the call site
  uint32_t site_count;
  CallSite sites[kMaxCallSites];  // [0] is the lock call's own return address
  // If no frame pointers led to more sites: every other word of the stack from sites[0].sp + 8 on.
  uint32_t word_count;
  uintptr_t words[kNotedWords];
  uintptr_t bp;  // at the lock call
  uintptr_t stack_end;
};

// The earliest moment at which the hold can have begun: it has found this tick, or read this time, once it had the lock.
inline uint64_t earliest_start_ns(const HoldView& hold) {
  return hold.since_ns & ~uint64_t{kStampBits};
}

// A wait, as its slot was at one moment.
struct WaitView {
  Identity identity;
  LockWord word;
  int tid;
  uint64_t since_ns;
  Caller caller;
  uintptr_t stack_end;
  uint64_t tries;  // of a thread that does not sleep but tries again and again; else 0
};

// A wait for another thread's end, as it was at one moment.
struct JoinView {
  uint32_t record;
  uint64_t state;    // with the record, its identity; never reused
  int tid;           // the thread that waits
  uintptr_t thread;  // pthread_t of the one that it waits for
  bool has_timeout;
  uint64_t since_ns;
  uintptr_t pc, sp;  // the caller
};

// False if the thread is in no join, or if it changes while it is being read.
bool view_join(uint32_t record_index, JoinView* out);
bool join_lasts(const JoinView& join);

// False if the slot is free or changes while it is being read.
bool view_hold(uint32_t record_index, uint32_t slot_index, HoldView* out);
bool view_wait(uint32_t record_index, WaitView* out);

// Whether the hold or wait still exists.
bool hold_lasts(const Identity& identity);
bool wait_lasts(const Identity& identity);

// The stack as it was at the acquisition in the slot `site` of a view, if it was copied: up to `size` bytes into `out`;
// 0 if there is no copy or that acquisition has been released meanwhile.
size_t copy_acquired_stack(const Identity& site, void* out, size_t size);

// Fills in the callers from the slot and its notes: sites, words, bp.
void view_callers(const HeldSlot& slot, const CallerNotes& notes, HoldView* out);

}  // namespace holdwatch
