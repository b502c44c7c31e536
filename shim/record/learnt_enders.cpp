// See learnt_enders.h.
//
// An entry is an address within the object: that of a condition, or the word that a thread sleeps on. Each entry has a few
// notes, one per thread. A note is written by one thread at a time (note_version.h); one that has to do without counts that. An entry's number changes when its object ends, and a note contains the number of its
// entry: so a note that comes late belongs to nothing.
#include "shim/record/learnt_enders.h"

#include <algorithm>

#include "shim/base/clock_line.h"
#include "shim/record/current_record.h"
#include "shim/record/note_version.h"
#include "shim/record/stamp.h"

namespace holdwatch {

constinit NotedEnds g_noted_ends;

namespace {

constexpr size_t kObjects = 32;
constexpr uint64_t kKeptNs = 600'000'000'000;      // after the last wait
constexpr uint64_t kKeptInFullNs = 5'000'000'000;  // if all entries are used

struct Note {
  NoteVersion version;
  std::atomic<int> tid{0};
  std::atomic<uint64_t> entry_number{0};
  std::atomic<uint64_t> order{0};  // the higher, the later
  std::atomic<uintptr_t> pc{0};
  std::atomic<uint64_t> at_ns{0};
};

struct Entry {
  std::atomic<uint64_t> number{1};  // of the object that is, or will be, here; a note with another number is no note
  std::atomic<uint64_t> waited_ns{0};
  // The latest number in which a note could not be written, and in which one of another thread had to be replaced.
  std::atomic<uint64_t> lost_in{0};
  std::atomic<uint64_t> replaced_in{0};
  Note notes[kMaxLearntEnds];
};

// Apart from the entries, so that a search touches few cache lines. 0: free. Taken by a compare-and-swap (acq_rel, so that
// whoever sees the address sees the number of the object before it ended), freed by a store before the number changes.
std::atomic<uintptr_t> g_addresses[kObjects];
Entry g_entries[kObjects];
std::atomic<uint64_t> g_order{0};

void publish_whether_any() {
  const bool is_any = std::any_of(std::begin(g_addresses), std::end(g_addresses),
                                  [](const auto& address) { return address.load(std::memory_order_relaxed) != 0; });
  const long call = is_any ? SYS_futex : kNoCall;
  if (g_noted_ends.call.load(std::memory_order_relaxed) != call)
    g_noted_ends.call.store(call, std::memory_order_relaxed);
}

uint64_t tick_ns() {
  return g_clock_line.tick_ns.load(std::memory_order_relaxed) & ~uint64_t{kStampBits};
}

bool is_within(uintptr_t address, uintptr_t object, size_t size) {
  return address != 0 && address - object < size;
}

int own_tid() {
  const OwnerRecord* record = current_record();
  return record != nullptr ? record->tid.load(std::memory_order_relaxed) : current_tid();
}

bool belongs_to(const Note& note, uint64_t entry_number) {
  return note.entry_number.load(std::memory_order_relaxed) == entry_number;
}

// The thread's own note, else one that is not used, else the oldest.
Note& note_to_write(Entry& entry, uint64_t number, int tid) {
  Note* best = &entry.notes[0];
  const auto age = [number](const Note& note) -> uint64_t {
    if (note.version.is_being_written()) return UINT64_MAX;
    return belongs_to(note, number) ? note.order.load(std::memory_order_relaxed) : 0;
  };
  for (Note& note : entry.notes) {
    if (belongs_to(note, number) && note.tid.load(std::memory_order_relaxed) == tid) return note;
    if (age(note) < age(*best)) best = &note;
  }
  return *best;
}

Note* begin_note(Entry& entry, uint64_t number, int tid) {
  constexpr int kAttempts = 3;
  for (int i = 0; i < kAttempts; ++i)
    if (Note& note = note_to_write(entry, number, tid); note.version.begin_writing()) return &note;
  return nullptr;
}

void write(Entry& entry, uint64_t number, int tid, uintptr_t pc) {
  Note* const note = begin_note(entry, number, tid);
  if (note == nullptr) return entry.lost_in.store(number, std::memory_order_relaxed);
  if (belongs_to(*note, number) && note->tid.load(std::memory_order_relaxed) != tid)
    entry.replaced_in.store(number, std::memory_order_relaxed);
  note->tid.store(tid, std::memory_order_relaxed);
  note->entry_number.store(number, std::memory_order_relaxed);
  note->order.store(g_order.fetch_add(1, std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  note->pc.store(pc, std::memory_order_relaxed);
  note->at_ns.store(exact_stamp(tick_ns()) & ~uint64_t{kStampBits}, std::memory_order_relaxed);
  note->version.end_writing();
}

struct ReadNote {
  LearntEnd end;
  uint64_t order;
  uint64_t entry_number;
};

// False if it is being written.
bool read(const Note& note, ReadNote* out) {
  return note.version.read([&] {
    *out = {{note.tid.load(std::memory_order_relaxed), note.pc.load(std::memory_order_relaxed),
             note.at_ns.load(std::memory_order_relaxed)},
            note.order.load(std::memory_order_relaxed),
            note.entry_number.load(std::memory_order_relaxed)};
  });
}

// All notes of one object: it may have several entries, a condition one for each word that it is slept on.
class Collected {
 public:
  void add(const Entry& entry) {
    const uint64_t number = entry.number.load(std::memory_order_acquire);
    ends_.is_noted = true;
    for (const Note& note : entry.notes) {
      ReadNote one;
      if (!read(note, &one))
        ends_.last_is_known = ends_.all_are_known = false;
      else if (one.entry_number == number)
        add(one);
    }
    if (entry.lost_in.load(std::memory_order_relaxed) == number) ends_.last_is_known = ends_.all_are_known = false;
    if (entry.replaced_in.load(std::memory_order_relaxed) == number) ends_.all_are_known = false;
  }

  LearntEnds sorted() {
    std::sort(notes_, notes_ + ends_.count, [](const ReadNote& a, const ReadNote& b) { return a.order > b.order; });
    for (uint32_t i = 0; i < ends_.count; ++i) ends_.ends[i] = notes_[i].end;
    return ends_;
  }

 private:
  void add(const ReadNote& one) {
    ReadNote* const end = notes_ + ends_.count;
    ReadNote* const known =
        std::find_if(notes_, end, [&](const ReadNote& other) { return other.end.tid == one.end.tid; });
    if (known == end && ends_.count == kMaxLearntEnds) {
      ends_.last_is_known = ends_.all_are_known = false;
      return;
    }
    if (known == end || known->order < one.order) *known = one;
    if (known == end) ++ends_.count;
  }

  LearntEnds ends_{false, true, true, 0, {}};
  ReadNote notes_[kMaxLearntEnds] = {};
};

void forget(size_t index) {
  g_addresses[index].store(0, std::memory_order_release);
  g_entries[index].number.fetch_add(1, std::memory_order_release);
}

}  // namespace

void note_end_slow(const void* object, size_t size, uintptr_t pc) {
  for (size_t i = 0; i < kObjects; ++i) {
    const uint64_t number = g_entries[i].number.load(std::memory_order_acquire);
    if (is_within(g_addresses[i].load(std::memory_order_acquire), reinterpret_cast<uintptr_t>(object), size))
      write(g_entries[i], number, own_tid(), pc);
  }
}

// Nobody else writes the notes of a thread; one that is being written is being given to another one.
void note_exit_of_ender(int tid) {
  for (size_t i = 0; i < kObjects; ++i) {
    if (g_addresses[i].load(std::memory_order_relaxed) == 0) continue;
    for (Note& note : g_entries[i].notes) {
      if (note.tid.load(std::memory_order_relaxed) != tid || !note.version.begin_writing()) continue;
      if (note.tid.load(std::memory_order_relaxed) == tid) note.tid.store(-tid, std::memory_order_relaxed);
      note.version.end_writing();
    }
  }
}

void note_ends_of(uintptr_t address) {
  for (size_t i = 0; i < kObjects; ++i) {
    if (g_addresses[i].load(std::memory_order_relaxed) != address) continue;
    g_entries[i].waited_ns.store(tick_ns(), std::memory_order_relaxed);
    return;
  }
  for (size_t i = 0; i < kObjects; ++i) {
    uintptr_t expected = 0;
    if (g_addresses[i].load(std::memory_order_relaxed) != 0) continue;
    g_entries[i].waited_ns.store(tick_ns(), std::memory_order_relaxed);
    if (!g_addresses[i].compare_exchange_strong(expected, address, std::memory_order_acq_rel)) continue;
    return publish_whether_any();
  }
}

void forget_ends_slow(const void* object, size_t size) {
  for (size_t i = 0; i < kObjects; ++i)
    if (is_within(g_addresses[i].load(std::memory_order_relaxed), reinterpret_cast<uintptr_t>(object), size)) forget(i);
  publish_whether_any();
}

void forget_old_ends(uint64_t now_ns) {
  if (!ends_are_noted()) return publish_whether_any();
  const auto used = std::count_if(std::begin(g_addresses), std::end(g_addresses),
                                  [](const auto& address) { return address.load(std::memory_order_relaxed) != 0; });
  const uint64_t kept_ns = used == kObjects ? kKeptInFullNs : kKeptNs;
  for (size_t i = 0; i < kObjects; ++i) {
    const uint64_t waited_ns = g_entries[i].waited_ns.load(std::memory_order_relaxed);
    if (g_addresses[i].load(std::memory_order_relaxed) != 0 && waited_ns + kept_ns < now_ns) forget(i);
  }
  publish_whether_any();
}

LearntEnds learnt_ends(uintptr_t object, size_t size) {
  Collected collected;
  for (size_t i = 0; i < kObjects; ++i)
    if (is_within(g_addresses[i].load(std::memory_order_acquire), object, size)) collected.add(g_entries[i]);
  return collected.sorted();
}

void learnt_enders_after_fork() {
  for (size_t i = 0; i < kObjects; ++i) {
    forget(i);
    for (Note& note : g_entries[i].notes) note.version.reset();
  }
  publish_whether_any();
}

}  // namespace holdwatch
