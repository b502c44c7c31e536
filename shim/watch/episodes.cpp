// See episodes.h.
#include "shim/watch/episodes.h"

#include <algorithm>

#include "shim/inspection/inferred_holds.h"

namespace holdwatch {

bool is_held_for_ever(const HolderState& holder) {
  return holder.hold.gone && !holder.likely;
}

Event event_of_holders(const Episode& episode) {
  const HolderState* const end = episode.holders + episode.holder_count;
  const HolderState* const gone = std::find_if(episode.holders, end, is_held_for_ever);
  if (gone == end) return Event::hold;
  return gone->where == Whereabouts::of_parent ? Event::fork_orphan : Event::abandoned;
}

uint64_t started_ns(const HolderState& holder, const Timing& timing) {
  return holder.holds_lock() ? timing.started_ns(holder.hold) : timing.now_ns();
}

void tag_locks(Episode& episode) {
  for (size_t i = 0; i < episode.tag_count(); ++i)
    if (const LockWord lock = episode.tagged_lock(i); !lock.empty()) episode.tags[i] = lock_tag(lock.address());
}

void refresh_names(Episode& episode) {
  for (size_t i = 0; i < episode.tag_count(); ++i)
    if (const LockWord lock = episode.tagged_lock(i); !lock.empty()) refresh_lock_name(lock.address(), episode.tags[i]);
  const bool has_later_tag = episode.ended != nullptr && episode.ended->lock.id == episode.tags[0].id;
  if (has_later_tag && !is_cycle(episode.event)) episode.tags[0] = episode.ended->lock;
}

namespace {

uint64_t held_since_ns(const Episode& episode, const Timing& timing) {
  return is_about_holds(episode.event) ? held_since_ns(episode.holders, episode.holder_count, timing) : 0;
}

}  // namespace

void count_waiting(Episode& episode, const LockState& state, const TickHistory& history, uint64_t now_ns,
                   uint64_t held_since_ns) {
  const uint64_t counted_ns = std::max(held_since_ns, episode.last_look_ns);
  for (size_t i = 0; i < state.waiter_count; ++i) {
    const WaitView& wait = state.waiters[i];
    // A wait that began after this scan published its tick belongs to the next scan: otherwise both would count it.
    if (wait.word.condition() || wait.since_ns >= now_ns) continue;
    const uint64_t since_ns = history.latest_ns(wait.since_ns);
    // A wait that began after the last scan is a thread that has not been counted yet. Its latest beginning is the tick
    // of the scan that first saw it, so that it equals last_look_ns at the next one.
    if (since_ns > episode.last_look_ns) ++episode.threads_delayed;
    episode.lost_ns += age_ns(std::max(since_ns, counted_ns), now_ns);
  }
  episode.threads_delayed += state.waiters_left_out > 0 && episode.last_look_ns == 0 ? state.waiters_left_out : 0;
  episode.waiting = state.waiting;
  episode.last_look_ns = now_ns;
}

void count_waiting(Episode& episode, const LockState& state, const Timing& timing) {
  count_waiting(episode, state, timing.history(), timing.now_ns(), held_since_ns(episode, timing));
}

void count_behind(Episode& episode, const WaitTrees& trees, const Timing& timing) {
  episode.behind = 0;
  const uint64_t counted_ns = std::max(held_since_ns(episode, timing), episode.last_look_ns);
  const WaitGoal goal = episode.goal();
  trees.for_each_behind(goal, timing, [&](const TreeWait& wait) {
    if (goal.is_lock_of(wait)) return;
    ++episode.behind;
    episode.behind_lost_ns += age_ns(std::max(wait.behind_since_ns, counted_ns), timing.now_ns());
  });
}

void Episodes::note_tree(Episode& episode, const LockState& state, const WaitTrees& trees, const Timing& timing) {
  SeenThreads& seen = in_tree_[static_cast<size_t>(&episode - episodes_)];
  for (size_t i = 0; i < state.waiter_count; ++i)
    if (!state.waiters[i].word.condition()) seen.add(state.waiters[i].tid);
  trees.for_each_behind(episode.goal(), timing, [&](const TreeWait& wait) { seen.add(wait.tid); });
  seen.add_uncounted(episode.waiting + episode.behind);
  episode.threads_seen = seen.count();
}

bool has_holder(const Episode& episode, const Identity& identity) {
  return std::any_of(episode.holders, episode.holders + episode.holder_count,
                     [&](const HolderState& holder) { return holder.hold.identity == identity; });
}

bool has_lost_holder(const Episode& episode, const Episode& before) {
  return !std::all_of(before.holders, before.holders + before.holder_count,
                      [&](const HolderState& holder) { return has_holder(episode, holder.hold.identity); });
}

void note_ended(Episode& episode, EndedHold* ended) {
  if (episode.ended != nullptr) free_ended_hold(episode.ended);
  ended->released_ns = std::max(ended->released_ns, episode.last_look_ns);
  episode.ended = ended;
}

template <typename Matches>
Episode* Episodes::find(uintptr_t lock, Matches matches) {
  if (counts_[hash_of(lock)] == 0) return nullptr;
  const auto is_it = [&](size_t i) { return locks_[i] == lock && episodes_[i].active && matches(episodes_[i].event); };
  if (is_it(last_found_)) return &episodes_[last_found_];
  for (size_t i = 0; i < used_; ++i)
    if (is_it(i)) return &episodes_[last_found_ = i];
  return nullptr;
}

Episode* Episodes::find_hold(uintptr_t lock) {
  return find(lock, is_about_holds);
}

Episode* Episodes::find_wait(uintptr_t lock) {
  return find(lock, is_about_waits);
}

bool Episodes::is_told_with_waits(LockWord lock, const Identity& hold) {
  const Episode* const wait = find_wait(lock.address());
  return wait != nullptr && wait->event == Event::wait && wait->posted && wait->ended_ns == 0 &&
         has_holder(*wait, hold) && inferred_since_attachment(lock) && is_inferred_hold(hold);
}

template <typename Matches>
Episode* Episodes::find_cycle_with(Matches matches) {
  if (cycles_ == 0) return nullptr;
  for (size_t position = 0; position < used_; ++position) {
    Episode& episode = episodes_[position];
    if (episode.active && is_cycle(episode.event) &&
        std::any_of(episode.holders, episode.holders + episode.holder_count, matches))
      return &episode;
  }
  return nullptr;
}

Episode* Episodes::find_cycle(uintptr_t lock) {
  return find_cycle_with([lock](const HolderState& holder) { return holder.hold.word.is_lock_at(lock); });
}

Episode* Episodes::find_cycle_of_hold(uintptr_t lock, int tid) {
  return find_cycle_with(
      [=](const HolderState& holder) { return holder.hold.tid == tid && holder.hold.word.is_lock_at(lock); });
}

bool Episodes::are_in_cycles(const Episode& episode) {
  return cycles_ > 0 && std::all_of(episode.holders, episode.holders + episode.holder_count, [&](const auto& holder) {
           return find_cycle_of_hold(episode.lock.address(), holder.hold.tid) != nullptr;
         });
}

Episode* Episodes::find_cycle_of_joined(int tid) {
  return find_cycle_with([tid](const HolderState& holder) { return !holder.holds_lock() && holder.hold.tid == tid; });
}

Episode* Episodes::find_holder(const Identity& identity) {
  Episode* found = nullptr;
  for (size_t position = 0; position < used_; ++position) {
    Episode& episode = episodes_[position];
    if (!episode.active || is_about_waits(episode.event)) continue;
    if (has_holder(episode, identity) && (found == nullptr || is_about_holds(episode.event))) found = &episode;
  }
  return found;
}

Episode* Episodes::begin(Event event, LockWord lock, uint64_t limit_ns) {
  if (is_cycle(event) ? cycles_ == kMaxCycles : full()) return nullptr;
  for (size_t position = 0; position < kPlaces; ++position) {
    Episode& episode = episodes_[position];
    if (position < used_ && episode.active) continue;
    if (position == used_) ++used_;
    episode = Episode{};
    in_tree_[position].clear();
    episode.active = true;
    locks_[position] = lock.address();
    ++counts_[hash_of(lock.address())];
    ++active_;
    if (is_cycle(event)) ++cycles_;
    episode.event = event;
    episode.number = next_number();
    episode.lock = lock;
    if (!is_cycle(event)) tag_locks(episode);
    episode.limit_ns = limit_ns;
    return &episode;
  }
  return nullptr;
}

void Episodes::end(Episode& episode) {
  episode.active = false;
  --active_;
  --counts_[hash_of(episode.lock.address())];
  if (is_cycle(episode.event)) --cycles_;
}

void Episodes::clear() {
  for (size_t i = 0; i < used_; ++i) {
    Episode& episode = episodes_[i];
    if (episode.active && episode.ended != nullptr) free_ended_hold(episode.ended);
    episode.active = false;
  }
  std::fill(counts_, counts_ + kCounts, uint16_t{0});
  active_ = cycles_ = 0;
}

}  // namespace holdwatch
