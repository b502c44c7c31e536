// Holds that are behind a reported one: their threads wait for it, directly or through others. How much of such a hold is
// its thread's own doing decides whether it needs a report too.
// Cold context (watcher); values only.
#pragma once

#include <cstddef>
#include <cstdint>

#include "shim/record/ended_holds.h"
#include "shim/record/view.h"

namespace holdwatch {

struct BehindHold {
  Identity identity;
  int tid;
  Identity blocker;           // the hold that its thread waits for, or waited for at last
  uint64_t own_ns;            // how long it has lasted while its thread did not wait for such a hold
  uint64_t counted_until_ns;  // CLOCK_MONOTONIC; own_ns counts up to here
  bool is_behind;             // at the last look
  bool root_has_report;       // the hold nearest to the root was reported while this one was behind it
  uint64_t missed_ns;         // when it was seen to be over; its thread may have handed it over since
  HoldEnd end;                // when its thread handed it over
  EndedHold* ended;           // what was handed over with that, if there was room

  // The thread has waited since `wait_began_ns`.
  void note_behind(const Identity& by, uint64_t wait_began_ns, uint64_t now_ns);
  // The thread does not wait for such a hold. When it stopped to is not known: only the time from the first such look on
  // counts as its own.
  void note_free(uint64_t now_ns);
  bool has_ended() const { return end.released_ns != 0; }
  // Counts its time until its end. `blocker_ended_ns`: when the hold that its thread waited for at last was released, 0 if that is
  // not known.
  void count_until_end(uint64_t blocker_ended_ns);

  // Whether another report explains it. Not if for half of its limit or more its thread has waited for no such hold: it takes a
  // little time to get through what one was kept from.
  bool is_explained(uint64_t limit_ns) const { return (is_behind || root_has_report) && own_ns < limit_ns / 2; }
  // How much longer it will surely be explained; 0: until a report about what it is behind comes or fails to.
  uint64_t explained_for_ns(uint64_t limit_ns) const { return root_has_report ? limit_ns / 2 - own_ns : 0; }
};

// The latest locks whose hold had a report, or was explained by one, until it was released: their waiters need a while to get
// through, which is no stall of its own.
class ExplainedWaits {
 public:
  void note(LockWord lock, uint64_t until_ns) { latest_[next_++ % kMax] = {lock, until_ns}; }
  // 0: not known.
  uint64_t until_ns(LockWord lock) const {
    uint64_t latest_ns = 0;
    for (const auto& one : latest_)
      if (one.lock.is_same_lock(lock) && one.until_ns > latest_ns) latest_ns = one.until_ns;
    return latest_ns;
  }
  void clear() { *this = {}; }

 private:
  static constexpr size_t kMax = 64;
  struct {
    LockWord lock;
    uint64_t until_ns;
  } latest_[kMax] = {};
  size_t next_ = 0;
};

class BehindHolds {
 public:
  static constexpr size_t kMax = 8192;

  ExplainedWaits waits;

  BehindHold* find(const Identity& identity);
  // Null if there is no room.
  BehindHold* add(const BehindHold& hold);
  // Removes those for which `is_over(hold)`.
  template <typename IsOver>
  void drop(IsOver is_over) {
    size_t kept = 0;
    clear_table();
    for (size_t i = 0; i < count_; ++i) {
      if (is_over(holds_[i])) continue;
      holds_[kept] = holds_[i];
      enter(static_cast<uint32_t>(kept++));
    }
    count_ = kept;
  }
  void clear();

  size_t count() const { return count_; }
  BehindHold* begin() { return holds_; }
  BehindHold* end() { return holds_ + count_; }

 private:
  static constexpr size_t kTable = 2 * kMax;  // a power of two, at most half full

  static size_t place_of(const Identity& identity);
  void enter(uint32_t index);
  void clear_table();

  BehindHold holds_[kMax] = {};
  size_t count_ = 0;
  uint32_t table_[kTable] = {};  // 0: free; else one more than an index of holds_
};

}  // namespace holdwatch
