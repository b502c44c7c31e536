// See repeated_waits.h.
//
// One entry for all threads whose ids differ by a multiple of the table's size: it belongs to the one that came first, as long
// as its waits time out. So another thread may have none, and its waits count as single ones.
#include "shim/record/repeated_waits.h"

#include "shim/record/note_version.h"
#include "shim/record/stamp.h"
#include "shim/record/view_walk.h"

namespace holdwatch {
namespace {

constexpr size_t kEntries = 64;
constexpr uint64_t kKeptNs = 60'000'000'000;  // after the last wait, if another thread needs the entry

struct alignas(kCacheLine) Entry {
  NoteVersion version;
  std::atomic<int> tid{0};
  std::atomic<uintptr_t> condition{0};
  std::atomic<uint64_t> kept{0};  // kept_holds
  std::atomic<uint64_t> timeouts{0};
  std::atomic<uint64_t> since_ns{0};
  std::atomic<uint64_t> began_ns{0};
};
Entry g_entries[kEntries];

Entry& entry_of(int tid) {
  return g_entries[static_cast<size_t>(tid) % kEntries];
}

uint64_t tick_ns() {
  return g_clock_line.tick_ns.load(std::memory_order_relaxed) & ~uint64_t{kStampBits};
}

// Differs for different holds: from the number of each one's slot and of its use.
uint64_t kept_holds(const ThreadRecord& record) {
  constexpr uint64_t kPrime = 0x100000001b3;  // FNV-1a
  uint64_t kept = 0xcbf29ce484222325;
  for_each_used_slot(record, [&](uint32_t position, const HeldSlot& slot, LockWord word) {
    if (!word.is_hold()) return;
    kept = (kept ^ position) * kPrime;
    kept = (kept ^ slot.number.load(std::memory_order_relaxed)) * kPrime;
  });
  return kept;
}

bool may_take(const Entry& entry, int tid) {
  return entry.tid.load(std::memory_order_relaxed) == tid || entry.timeouts.load(std::memory_order_relaxed) == 0 ||
         entry.began_ns.load(std::memory_order_relaxed) + kKeptNs < tick_ns();
}

bool continues(const Entry& entry, int tid, uintptr_t condition, uint64_t kept) {
  return entry.tid.load(std::memory_order_relaxed) == tid &&
         entry.condition.load(std::memory_order_relaxed) == condition &&
         entry.kept.load(std::memory_order_relaxed) == kept && entry.timeouts.load(std::memory_order_relaxed) > 0;
}

// After an attach, a thread may have more than one record.
bool still_keeps(int tid, uint64_t kept) {
  bool keeps = false;
  for_each_record([&](uint32_t, const ThreadRecord& record) {
    if (record.tid.load(std::memory_order_acquire) != tid) return;
    keeps |= record.state.load(std::memory_order_acquire) == RecordState::live && kept_holds(record) == kept;
  });
  return keeps;
}

}  // namespace

void note_condition_wait(const ThreadRecord& record, const void* condition) {
  const int tid = record.tid.load(std::memory_order_relaxed);
  const auto address = reinterpret_cast<uintptr_t>(condition);
  const uint64_t kept = kept_holds(record);
  const uint64_t now_ns = exact_stamp(tick_ns()) & ~uint64_t{kStampBits};
  Entry& entry = entry_of(tid);
  if (!may_take(entry, tid) || !entry.version.begin_writing()) return;
  if (!continues(entry, tid, address, kept)) {
    entry.tid.store(tid, std::memory_order_relaxed);
    entry.condition.store(address, std::memory_order_relaxed);
    entry.kept.store(kept, std::memory_order_relaxed);
    entry.timeouts.store(0, std::memory_order_relaxed);
    entry.since_ns.store(now_ns, std::memory_order_relaxed);
  }
  entry.began_ns.store(now_ns, std::memory_order_relaxed);
  entry.version.end_writing();
}

void note_timeout(const ThreadRecord& record) {
  const int tid = record.tid.load(std::memory_order_relaxed);
  Entry& entry = entry_of(tid);
  if (!entry.version.begin_writing()) return;
  if (entry.tid.load(std::memory_order_relaxed) == tid)
    entry.timeouts.store(entry.timeouts.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  entry.version.end_writing();
}

RepeatedWait repeated_wait(int tid, uintptr_t condition, size_t size) {
  const Entry& entry = entry_of(tid);
  RepeatedWait wait{};
  uintptr_t noted = 0;
  uint64_t kept = 0;
  int noted_tid = 0;
  const bool is_whole = entry.version.read([&] {
    noted_tid = entry.tid.load(std::memory_order_relaxed);
    noted = entry.condition.load(std::memory_order_relaxed);
    kept = entry.kept.load(std::memory_order_relaxed);
    wait = {entry.timeouts.load(std::memory_order_relaxed), entry.since_ns.load(std::memory_order_relaxed),
            entry.began_ns.load(std::memory_order_relaxed)};
  });
  if (!is_whole || noted_tid != tid || noted - condition >= size) return {};
  return still_keeps(tid, kept) ? wait : RepeatedWait{};
}

void repeated_waits_after_fork() {
  for (Entry& entry : g_entries) {
    entry.version.reset();
    entry.tid.store(0, std::memory_order_relaxed);
    entry.timeouts.store(0, std::memory_order_relaxed);
  }
}

}  // namespace holdwatch
