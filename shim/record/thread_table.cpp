// See thread_table.h. Records live in slabs of 1 MiB that are never unmapped: a reader may look at one at any time.
#include "shim/record/thread_table.h"

#include <atomic>

#include "shim/base/os.h"
#include "shim/record/owner_record.h"

namespace holdwatch {
namespace {

constexpr uint32_t kRecordsPerSlab = 1024;
constexpr uint32_t kSlabs = 128;  // 131,072 threads; Linux's own default limit is lower
constexpr uint32_t kNone = UINT32_MAX;
constexpr uint32_t kSpareRecords = 64;

std::atomic<OwnerRecord*> g_slabs[kSlabs];
std::atomic<PollNote*> g_poll_notes[kSlabs];  // of the same records
std::atomic<uint32_t> g_capacity{0};          // records in all slabs
std::atomic<uint32_t> g_limit{0};             // records ever used
std::atomic<uint32_t> g_without_record{0};

// Free records, newest first: index below, above it a counter that makes a compare-and-swap fail if the list was
// changed and changed back in between (the ABA problem).
std::atomic<uint64_t> g_free{kNone};

// For an index that has been used: its slab exists.
OwnerRecord& known_record(uint32_t index) {
  return g_slabs[index / kRecordsPerSlab].load(std::memory_order_acquire)[index % kRecordsPerSlab];
}

uint32_t pop_free() {
  uint64_t head = g_free.load(std::memory_order_acquire);
  while (static_cast<uint32_t>(head) != kNone) {
    const uint32_t next = known_record(static_cast<uint32_t>(head)).next_free.load(std::memory_order_relaxed);
    const uint64_t replacement = (((head >> 32) + 1) << 32) | next;
    if (g_free.compare_exchange_weak(head, replacement, std::memory_order_acq_rel)) return static_cast<uint32_t>(head);
  }
  return kNone;
}

void push_free(uint32_t index) {
  uint64_t head = g_free.load(std::memory_order_relaxed);
  uint64_t replacement = 0;
  do {
    known_record(index).next_free.store(static_cast<uint32_t>(head), std::memory_order_relaxed);
    replacement = (((head >> 32) + 1) << 32) | index;
  } while (!g_free.compare_exchange_weak(head, replacement, std::memory_order_acq_rel));
}

}  // namespace

OwnerRecord* take_record() {
  uint32_t index = pop_free();
  if (index == kNone) {
    index = g_limit.load(std::memory_order_relaxed);
    do {
      if (index >= g_capacity.load(std::memory_order_acquire)) return nullptr;
    } while (!g_limit.compare_exchange_weak(index, index + 1, std::memory_order_acq_rel));
  }
  return &known_record(index);
}

void return_record(OwnerRecord& record) {
  record.state.store(RecordState::free, std::memory_order_release);
  push_free(index_of(record));
}

void free_all_records_but(const OwnerRecord* own) {
  g_free.store(kNone, std::memory_order_relaxed);
  for (uint32_t index = record_limit(); index-- > 0;) {
    OwnerRecord& record = known_record(index);
    if (&record == own) continue;
    record.clear();
    return_record(record);
  }
}

void thread_table_forget_holds() {
  for (uint32_t index = 0; index < record_limit(); ++index) {
    OwnerRecord& record = known_record(index);
    switch (record.state.load(std::memory_order_acquire)) {
      case RecordState::free:
        break;
      case RecordState::live:
        record.clear();
        break;
      case RecordState::gone:
        record.clear();
        reclaim_gone(record);
        break;
    }
  }
}

OwnerRecord* make_inferred_record(int tid, uintptr_t stack_end) {
  OwnerRecord* record = take_record();
  if (record == nullptr) return nullptr;
  record->clear();
  record->unrecorded.store(0, std::memory_order_relaxed);
  record->stack_end.store(stack_end == 0 ? 1 : stack_end, std::memory_order_relaxed);
  record->stack_span.store(0, std::memory_order_relaxed);  // no stack to copy from
  record->tid.store(tid, std::memory_order_relaxed);
  record->state.store(RecordState::live, std::memory_order_release);
  return record;
}

void return_inferred_record(OwnerRecord& record) {
  record.clear();
  return_record(record);
}

void refill_records() {
  const uint32_t capacity = g_capacity.load(std::memory_order_relaxed);
  if (capacity - g_limit.load(std::memory_order_relaxed) >= kSpareRecords || capacity == kSlabs * kRecordsPerSlab)
    return;
  auto* slab = static_cast<OwnerRecord*>(reserve_memory(sizeof(OwnerRecord) * kRecordsPerSlab));
  auto* notes = static_cast<PollNote*>(reserve_memory(sizeof(PollNote) * kRecordsPerSlab));
  if (slab == nullptr || notes == nullptr) return;
  PollNote* none = nullptr;
  g_poll_notes[capacity / kRecordsPerSlab].compare_exchange_strong(none, notes, std::memory_order_acq_rel);
  // Two threads may get here at once: the address space that the loser reserved stays unused.
  OwnerRecord* expected = nullptr;
  if (g_slabs[capacity / kRecordsPerSlab].compare_exchange_strong(expected, slab, std::memory_order_acq_rel))
    g_capacity.store(capacity + kRecordsPerSlab, std::memory_order_release);
}

ThreadRecord* record_at(uint32_t index) {
  OwnerRecord* slab = g_slabs[index / kRecordsPerSlab].load(std::memory_order_acquire);
  return slab == nullptr ? nullptr : slab + index % kRecordsPerSlab;
}

uint32_t index_of(const ThreadRecord& record) {
  for (uint32_t slab = 0; slab < kSlabs; ++slab) {
    const ThreadRecord* start = g_slabs[slab].load(std::memory_order_acquire);
    if (start != nullptr && &record >= start && &record < start + kRecordsPerSlab)
      return slab * kRecordsPerSlab + static_cast<uint32_t>(&record - start);
  }
  return kNone;
}

uint32_t record_limit() {
  return g_limit.load(std::memory_order_acquire);
}

PollNote* poll_note_at(uint32_t index) {
  if (index == kNone) return nullptr;
  PollNote* const notes = g_poll_notes[index / kRecordsPerSlab].load(std::memory_order_acquire);
  return notes == nullptr ? nullptr : notes + index % kRecordsPerSlab;
}

PollNote* poll_note_of(const ThreadRecord& record) {
  return poll_note_at(index_of(record));
}

// A note that was never written is not touched, as its memory would be the process's from then on.
void forget_poll(const ThreadRecord& record) {
  PollNote* const note = has_failed_tries() ? poll_note_of(record) : nullptr;
  if (note == nullptr || note->word.load(std::memory_order_relaxed) == 0) return;
  if (note->version.is_being_written()) note->version.end_writing();
  if (!note->version.begin_writing()) return;
  note->word.store(0, std::memory_order_relaxed);
  note->version.end_writing();
}

void drop_left_over(uint32_t record_index, uint32_t slot_index, uint64_t number) {
  ThreadRecord& record = *record_at(record_index);
  const LockWord word(record.slot(slot_index)->word.load(std::memory_order_acquire));
  if (word.is_hold()) record.drop_use(slot_index, word, number);
  reclaim_gone(record);
}

void reclaim_gone(ThreadRecord& record) {
  if (record.state.load(std::memory_order_acquire) != RecordState::gone || !record.holds_nothing()) return;
  // Its owner has exited, and nobody else writes it.
  auto& own = static_cast<OwnerRecord&>(record);
  own.clear();
  return_record(own);
}

void count_thread_without_record() {
  g_without_record.fetch_add(1, std::memory_order_relaxed);
}

uint64_t unrecorded_holds() {
  uint64_t sum = g_without_record.load(std::memory_order_relaxed);
  for (uint32_t index = 0; index < record_limit(); ++index)
    sum += record_at(index)->unrecorded.load(std::memory_order_relaxed);
  return sum;
}

}  // namespace holdwatch
