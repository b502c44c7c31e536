// See post_request.h.
#include "shim/watch/post_request.h"

#include <algorithm>

#include "shim/base/clock.h"
#include "shim/fallback/fallback_reporter.h"
#include "shim/fallback/plain_report.h"
#include "shim/handoff/report_request.h"
#include "shim/inspection/blocked_thread.h"
#include "shim/inspection/inferred_holds.h"
#include "shim/inspection/joined_thread.h"
#include "shim/inspection/thread_names.h"
#include "shim/record/ended_holds.h"

namespace holdwatch {
namespace {

constinit ThreadNames g_names;  // used by the watcher

// For a cycle: how long the thread has waited; otherwise 0.
uint64_t waited_ns(const HolderState& holder, uint64_t now_ns, const Timing& timing) {
  return holder.waits_since_ns == 0 ? 0 : age_ns(timing.latest_ns(holder.waits_since_ns), now_ns);
}

OwnWait own_wait(const HoldView& hold, const Timing& timing) {
  WaitView wait;
  if (view_wait_of(hold, &wait)) return {wait.word, wait.identity, timing.age_of(wait)};
  JoinView join;
  if (!view_join_of(hold, &join)) return {};
  return {{}, {join.record, 0, join.state}, age_ns(timing.latest_ns(join.since_ns), timing.now_ns())};
}

// While the hold lasts, all holders of the lock are listed, including readers whose own hold is short: a writer waits
// for all of them.
void fill_living(ReportRequest& request, const LockState& state, const Timing& timing) {
  request.state.holder_count = state.holder_count;
  request.state.holders_left_out = state.holders_left_out;
  for (size_t i = 0; i < state.holder_count; ++i) {
    request.state.holders[i] = state.holders[i];
    request.started_ns[i] = started_ns(state.holders[i], timing);
    request.held_ns[i] = age_ns(request.started_ns[i], timing.now_ns());
    request.holder_waits_ns[i] = waited_ns(state.holders[i], timing.now_ns(), timing);
    request.own_waits[i] = is_cycle(request.event) ? OwnWait{} : own_wait(state.holders[i].hold, timing);
  }
  request.state.waiter_count = state.waiter_count;
  request.state.waiters_left_out = state.waiters_left_out;
  for (size_t i = 0; i < state.waiter_count; ++i) {
    request.state.waiters[i] = state.waiters[i];
    request.waited_ns[i] = timing.age_of(state.waiters[i]);
  }
}

void fill_ended(ReportRequest& request, const Episode& episode, const Timing& timing) {
  request.state.holder_count = episode.holder_count;
  request.state.holders_left_out = request.state.waiter_count = request.state.waiters_left_out = 0;
  for (size_t i = 0; i < episode.holder_count; ++i) {
    const HoldView& hold = episode.holders[i].hold;
    const bool ended_here = request.ended != nullptr && request.ended->hold.identity == hold.identity;
    request.state.holders[i] = episode.holders[i];
    request.started_ns[i] = episode.started_ns[i];
    request.held_ns[i] = age_ns(request.started_ns[i], ended_here ? request.ended->released_ns : episode.ended_ns);
    if (!episode.holders[i].holds_lock()) request.held_ns[i] = 0;
    request.own_waits[i] = {};
    request.holder_waits_ns[i] = waited_ns(episode.holders[i], episode.ended_ns, timing);
  }
}

// The thread may exit before the report is made, and the reporter may not have processed an earlier report about it.
void fill_names(ReportRequest& request) {
  for (size_t i = 0; i < request.state.holder_count; ++i) {
    request.names[i][0] = '\0';
    const HolderState& holder = request.state.holders[i];
    if (!holder.hold.gone && holder.where != Whereabouts::elsewhere) g_names.look_up(holder.hold.tid, request.names[i]);
  }
}

// The time up to which a report's durations are counted.
uint64_t reported_until_ns(const Episode& episode, Phase phase, const Timing& timing) {
  if (!has_ended(phase)) return timing.now_ns();
  return episode.ended == nullptr ? episode.ended_ns : episode.ended->released_ns;
}

void fill_time(ReportRequest& request, uint64_t until_ns, const Timing& timing) {
  request.posted_ns = timing.now_ns();
  request.until_ns = until_ns;
  request.wall_clock_ns = wall_clock_ns() - age_ns(until_ns, monotonic_ns());
}

void fill_nobody_behind(Behind& behind) {
  behind.front = 0;
  behind.threads = behind.step_count = behind.steps_left_out = 0;
  behind.way_lost_ns = 0;
}

void fill_behind(ReportRequest& request, const Episode& episode, const Behind* behind) {
  request.behind_lost_ns = episode.behind_lost_ns;
  request.threads_seen = episode.threads_seen;
  if (behind != nullptr) {
    request.behind = *behind;
    request.behind_lost_ns = behind->lost_ns;
  } else {
    fill_nobody_behind(request.behind);
  }
}

// By the one that has waited longest.
void fill_passed(ReportRequest& request, const Timing& timing, const PassingHolds& passing) {
  if (has_ended(request.phase)) return passing.describe_ended(request.state.lock, &request.passed);
  const WaitView* longest = nullptr;
  for (size_t i = 0; i < request.state.waiter_count; ++i) {
    const WaitView& wait = request.state.waiters[i];
    if (wait.word.condition()) continue;
    if (longest == nullptr || timing.started_ns(wait) < timing.started_ns(*longest)) longest = &wait;
  }
  if (longest != nullptr) passing.describe(*longest, timing, &request.passed);
}

void fill(ReportRequest* request, const Episode& episode, Phase phase, const LockState& state, const Timing& timing,
          const Behind* behind, const PassingHolds* passing) {
  request->event = episode.event;
  request->phase = phase;
  request->episode = episode.number;
  fill_time(*request, reported_until_ns(episode, phase, timing), timing);
  request->limit_ns = episode.limit_ns;
  request->lost_ns = episode.lost_ns;
  request->threads_delayed = episode.threads_delayed;
  request->ended = has_ended(phase) ? episode.ended : nullptr;
  request->first_line_written.store(false, std::memory_order_relaxed);
  request->state.lock = episode.lock;
  request->unclear_owner = is_about_waits(episode.event) ? unclear_owner(episode.lock) : 0;
  std::copy_n(episode.tags, episode.tag_count(), request->tags);
  if (has_ended(phase))
    fill_ended(*request, episode, timing);
  else
    fill_living(*request, state, timing);
  fill_names(*request);
  fill_behind(*request, episode, has_ended(phase) ? nullptr : behind);
  request->passed.clear();
  if (passing != nullptr && episode.event == Event::wait) fill_passed(*request, timing, *passing);
}

// Only the first one is identified; the others are counted.
void add_readers(ReportRequest& request, const FoundReaders& readers) {
  request.state.holder_count = std::min<size_t>(readers.count, kMaxHolders);
  for (size_t i = 0; i < request.state.holder_count; ++i) {
    HolderState& reader = request.state.holders[i] = {};
    reader.hold.tid = readers.tid;
    reader.hold.word =
        LockWord(reinterpret_cast<const void*>(request.state.lock.address()), LockKind::rwlock, Access::shared);
    reader.likely = readers.is_likely;
    request.held_ns[i] = request.holder_waits_ns[i] = 0;
  }
  fill_names(request);
}

}  // namespace

bool post(const Episode& episode, Phase phase, const LockState& state, const Timing& timing, const Behind* behind,
          const PassingHolds* passing) {
  ReportQueue& queue = report_queue();
  ReportRequest* const request = queue.next_free(is_cycle(episode.event));
  if (request != nullptr) {
    fill(request, episode, phase, state, timing, behind, passing);
    queue.post();
    return true;
  }
  if (!reporter_is_stuck()) return false;
  ReportRequest& spare = queue.spare();
  fill(&spare, episode, phase, state, timing, behind, passing);
  write_short_report(spare, timing.now_ns());
  if (spare.ended != nullptr) free_ended_hold(spare.ended);
  return true;
}

ReportRequest* begin_condition_waits(uint64_t episode, Phase phase, uint64_t limit_ns, const Timing& timing) {
  ReportRequest* const request = report_queue().next_free();
  if (request == nullptr) return nullptr;
  request->event = Event::wait;
  request->phase = phase;
  request->episode = episode;
  fill_time(*request, timing.now_ns(), timing);
  request->limit_ns = limit_ns;
  request->lost_ns = 0;
  request->threads_delayed = 0;
  request->ended = nullptr;
  request->first_line_written.store(false, std::memory_order_relaxed);
  request->state.lock = LockWord::condition_waits();
  request->state.holder_count = request->state.holders_left_out = 0;
  request->state.waiter_count = request->state.waiters_left_out = 0;
  request->unclear_owner = 0;
  request->tags[0] = {};
  request->behind_lost_ns = 0;
  request->threads_seen = 0;
  fill_nobody_behind(request->behind);
  request->passed.clear();
  return request;
}

void add_condition_wait(ReportRequest& request, const WaitView& wait, const Timing& timing) {
  if (request.state.waiter_count == kMaxWaiters) {
    ++request.state.waiters_left_out;
    return;
  }
  request.state.waiters[request.state.waiter_count] = wait;
  request.waited_ns[request.state.waiter_count++] = timing.age_of(wait);
}

void append_line(const Episode& episode, const LockState& state, const Timing& timing, const Behind* behind,
                 const FoundReaders* readers, TextBuffer& out) {
  ReportRequest& spare = report_queue().spare();
  fill(&spare, episode, Phase::over, state, timing, behind, nullptr);
  if (readers != nullptr && state.holder_count == 0) add_readers(spare, *readers);
  append_plain_first_line(spare, out);
}

}  // namespace holdwatch
