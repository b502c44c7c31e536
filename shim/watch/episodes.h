// The episodes: one for each lock that is being held (or waited for) too long, from the first report to the closing
// line.
// Cold context (watcher); values only: the watcher decides what happens to them.
#pragma once

#include <cstddef>
#include <cstdint>

#include "shim/inspection/lock_state.h"
#include "shim/record/ended_holds.h"
#include "shim/timing/overdue.h"
#include "shim/timing/timing.h"
#include "shim/watch/wait_trees.h"

namespace holdwatch {

// How many different threads were added; of more than there is room for, at least.
class SeenThreads {
 public:
  void add(int tid) {
    const auto bit = static_cast<uint32_t>(tid) % kMax;
    uint64_t& word = words_[bit / 64];
    if ((word >> bit % 64 & 1) != 0) return;
    word |= uint64_t{1} << bit % 64;
    ++count_;
  }
  void add_uncounted(size_t least) { count_ = count_ > least ? count_ : least; }
  size_t count() const { return count_; }
  void clear() {
    if (count_ > 0) *this = {};
  }

 private:
  static constexpr uint32_t kMax = 16 * 1024;
  uint64_t words_[kMax / 64] = {};
  size_t count_ = 0;
};

struct Episode {
  bool active;
  // A hold becomes abandoned if its thread exits, a wait becomes corrupt or lost_wakeup if the lock
  // turns out to be stuck.
  Event event;
  bool due;         // to be checked at this scan
  bool posted;      // its first report was handed to the reporter
  uint64_t number;  // counts from 1
  LockWord lock;
  // How reports refer to the lock, looked up at the beginning: it may be destroyed before the closing line. For a
  // deadlock: each holder's lock; otherwise only the first.
  LockTag tags[kMaxHolders];
  uint64_t limit_ns;
  uint64_t next_age_ns;         // the age at which it is to be reported again
  bool is_wanted;               // at that age it is reported even without waiters: see handoff/wanted_reports.h
  uint64_t next_search_age_ns;  // the age at which to search for waiters without a record; see has_no_waiters
  uint64_t last_look_ns;        // CLOCK_MONOTONIC; waiting time is counted up to here
  uint64_t lost_ns;
  size_t threads_delayed;
  size_t waiting;  // at the last look
  // The same of those who are behind it without waiting for its lock.
  uint64_t behind_lost_ns;
  size_t behind;
  int front;            // of its latest report, see handoff/behind.h; 0: nobody was behind it then
  size_t threads_seen;  // all who were seen to wait for the lock, or behind it; without the threads of a cycle
  // Those over the limit at the last look; for a wait: the present holders; for a deadlock: each with its own lock.
  HolderState holders[kMaxHolders];
  uint64_t started_ns[kMaxHolders];
  size_t holder_count;
  uint64_t ended_ns;  // CLOCK_MONOTONIC; not 0: it has ended, and only its closing line has yet to be posted
  EndedHold* ended;   // what the last holder to release handed over

  // Those whose end would let the others go on. Who holds a lock that is waited for for too long is chance.
  size_t blamed_count() const { return is_about_waits(event) ? 0 : holder_count; }
  WaitGoal goal() const { return {lock, holders, blamed_count(), is_cycle(event)}; }
  size_t tag_count() const { return is_cycle(event) ? holder_count : 1; }
  LockWord tagged_lock(size_t index) const { return is_cycle(event) ? holders[index].hold.word : lock; }
};

// Whether the hold can never end, because its thread has exited. False for readers: the lock does not show who they
// are, and another thread may have released the lock in place of the one that exited.
bool is_held_for_ever(const HolderState& holder);

// The event for an episode about its holders: hold, or abandoned if a hold can never end.
Event event_of_holders(const Episode& episode);

// When the hold began; the present for a thread of a cycle that holds no lock, so that its age is 0.
uint64_t started_ns(const HolderState& holder, const Timing& timing);

// tag_locks looks up the present ids and names of the locks; refresh_names looks up the names again.
void tag_locks(Episode& episode);
void refresh_names(Episode& episode);

// Adds the time that the waiters of `state` have lost since the last look, and since `held_since_ns`: before that they have
// waited for others. A wait is counted once as a delayed thread.
void count_waiting(Episode& episode, const LockState& state, const TickHistory& history, uint64_t now_ns,
                   uint64_t held_since_ns = 0);
void count_waiting(Episode& episode, const LockState& state, const Timing& timing);

// The same for those who wait for others that are behind the episode's lock, since they have been behind it. Called first.
void count_behind(Episode& episode, const WaitTrees& trees, const Timing& timing);

bool has_holder(const Episode& episode, const Identity& identity);
// Whether `before` has a holder that the episode no longer has.
bool has_lost_holder(const Episode& episode, const Episode& before);

// Keeps what the releasing holder handed over. A hold is handed over before the lock is released: if it was seen held
// after that moment, it ended no earlier than it was last seen.
void note_ended(Episode& episode, EndedHold* ended);

// Deadlocks have room of their own: they must not go unreported because hundreds of holds are.
class Episodes {
 public:
  static constexpr size_t kMax = 512;
  static constexpr size_t kMaxCycles = 64;

  // The episode about the lock's holders, or the one about its waiters; or null.
  Episode* find_hold(uintptr_t lock);
  Episode* find_wait(uintptr_t lock);
  // Whether a report about those who wait for the lock, which names its holders, tells of this hold too: one from before an attachment,
  // since when is not known, is over its limit later than the waits for it.
  bool is_told_with_waits(LockWord lock, const Identity& hold);
  // The deadlock that has the lock in its cycle, or null.
  Episode* find_cycle(uintptr_t lock);
  // The deadlock of which this hold of the lock is a part, or null: not that of another reader.
  Episode* find_cycle_of_hold(uintptr_t lock, int tid);
  // Whether each of its holders is part of a deadlock through its lock.
  bool are_in_cycles(const Episode& episode);
  // The deadlock in which the thread is only because another one joins it, or null.
  Episode* find_cycle_of_joined(int tid);
  // Whether an episode names the lock's holders; or whether there is an episode of any kind about the lock.
  bool has_hold_or_cycle(uintptr_t lock) { return find_hold(lock) != nullptr || find_cycle(lock) != nullptr; }
  bool is_reported_stuck(uintptr_t lock) {
    const Episode* const wait = find_wait(lock);
    return wait != nullptr && wait->event != Event::wait;
  }
  bool has_episode(uintptr_t lock) { return has_hold_or_cycle(lock) || find_wait(lock) != nullptr; }
  // The episode about holds, or else the deadlock, in which `identity` is one of the holders, or null.
  Episode* find_holder(const Identity& identity);
  // A new one; null if there are too many: the watcher tries again at the next scan.
  Episode* begin(Event event, LockWord lock, uint64_t limit_ns);
  void end(Episode& episode);
  // Adds those who wait for its lock, and those behind it, to the threads that were seen in the episode's tree.
  void note_tree(Episode& episode, const LockState& state, const WaitTrees& trees, const Timing& timing);
  // Whether there is no room for another one that is no deadlock.
  bool full() const { return active_ - cycles_ == kMax; }
  size_t active() const { return active_; }
  uint64_t next_number() { return ++last_number_; }
  void clear();

  Episode* begin_iteration() { return episodes_; }
  Episode* end_iteration() { return episodes_ + used_; }

 private:
  template <typename Matches>
  Episode* find(uintptr_t lock, Matches matches);
  template <typename Matches>
  Episode* find_cycle_with(Matches matches);

  static constexpr size_t kPlaces = kMax + kMaxCycles;
  static constexpr size_t kCounts = 2048;  // a power of two

  static size_t hash_of(uintptr_t lock) {
    static_assert(kCounts == size_t{1} << (64 - 53));
    return static_cast<size_t>((lock >> 3) * 0x9E3779B97F4A7C15u >> 53);
  }

  Episode episodes_[kPlaces] = {};
  SeenThreads in_tree_[kPlaces] = {};  // of those in use; pages of others are not touched
  uintptr_t locks_[kPlaces] = {};      // of those in use, close together
  uint16_t counts_[kCounts] =
      {};                  // of active ones by a hash of the lock: of thousands of locks looked for, few have any
  size_t last_found_ = 0;  // thousands of threads may be behind one lock
  size_t active_ = 0;
  size_t cycles_ = 0;  // active deadlocks
  size_t used_ = 0;    // entries ever used: pages of unused entries are not touched
  uint64_t last_number_ = 0;
};

}  // namespace holdwatch
