// See poll_note.h.
#include "shim/record/poll_note.h"

#include "shim/record/owner_record.h"
#include "shim/record/stamp.h"
#include "shim/record/thread_table.h"
#include "shim/record/view.h"

namespace holdwatch {
namespace {

std::atomic<bool> g_has_failed_tries{false};

void note_that_there_are_any() {
  if (!g_has_failed_tries.load(std::memory_order_relaxed)) g_has_failed_tries.store(true, std::memory_order_relaxed);
}

bool goes_on(const PollNote& note, LockWord lock, uint64_t mark, uint64_t own_uses) {
  return note.word.load(std::memory_order_relaxed) == lock.bits() && mark != 0 &&
         note.mark.load(std::memory_order_relaxed) + own_uses * SlotStack::kMarkOfUse == mark;
}

}  // namespace

bool has_failed_tries() {
  return g_has_failed_tries.load(std::memory_order_relaxed);
}

void note_failed_try(OwnerRecord& record, LockWord lock, const Caller& caller, uint64_t own_uses) {
  PollNote* const note = poll_note_of(record);
  if (note == nullptr || note->version.is_being_written()) return;
  const uint64_t mark = record.top_mark();
  if (goes_on(*note, lock, mark, own_uses)) {
    note->mark.store(mark, std::memory_order_relaxed);
    note->tries.store(note->tries.load(std::memory_order_relaxed) + 1, std::memory_order_release);
    return;
  }
  note_that_there_are_any();
  const uint64_t now_ns = stamp_slow();
  if (!note->version.begin_writing()) return;
  note->word.store(lock.bits(), std::memory_order_relaxed);
  note->since_ns.store(now_ns, std::memory_order_relaxed);
  note->mark.store(mark, std::memory_order_relaxed);
  note->tries.store(1, std::memory_order_relaxed);
  note->pc.store(caller.pc, std::memory_order_relaxed);
  note->sp.store(caller.sp, std::memory_order_relaxed);
  note->bp.store(caller.bp, std::memory_order_relaxed);
  note->version.end_writing();
}

bool view_poll(uint32_t record_index, WaitView* out) {
  const PollNote* const note = poll_note_at(record_index);
  if (note == nullptr || note->word.load(std::memory_order_relaxed) == 0) return false;
  const ThreadRecord& record = *record_at(record_index);
  const bool is_whole = note->version.read([&] {
    out->identity = {record_index, kPollSlot, note->version.value()};
    out->word = LockWord(note->word.load(std::memory_order_relaxed));
    out->since_ns = note->since_ns.load(std::memory_order_relaxed);
    out->tries = note->tries.load(std::memory_order_relaxed);
    out->caller = {note->pc.load(std::memory_order_relaxed), note->sp.load(std::memory_order_relaxed),
                   note->bp.load(std::memory_order_relaxed)};
  });
  out->tid = record.tid.load(std::memory_order_acquire);
  out->stack_end = record.stack_end.load(std::memory_order_relaxed);
  return is_whole && !out->word.empty() && record.state.load(std::memory_order_acquire) == RecordState::live &&
         poll_lasts(record_index, out->identity.number);
}

bool poll_lasts(uint32_t record_index, uint64_t number) {
  const PollNote* const note = poll_note_at(record_index);
  return note != nullptr && note->version.value() == number;
}

}  // namespace holdwatch
