// See posting.h.
#include "shim/watch/posting.h"

#include <algorithm>

#include "shim/base/clock.h"
#include "shim/fallback/fallback_reporter.h"
#include "shim/handoff/report_request.h"
#include "shim/inspection/thread_names.h"
#include "shim/record/ended_holds.h"

namespace holdwatch {
namespace {

constinit ThreadNames g_names;  // the watcher's

bool has_ended(Phase phase) {
  return phase == Phase::released || phase == Phase::late;
}

// Of a circle: how long the thread has waited itself; else 0.
uint64_t waited_ns(const HolderState& holder, uint64_t now_ns, const Timing& timing) {
  return holder.waits_since_ns == 0 ? 0 : age_ns(timing.latest_ns(holder.waits_since_ns), now_ns);
}

// While it lasts everybody who holds the lock is listed, also a reader whose own hold is short: a writer waits for all.
void fill_living(Job& job, const LockState& state, const Timing& timing) {
  job.state.holder_count = state.holder_count;
  job.state.holders_left_out = state.holders_left_out;
  for (size_t i = 0; i < state.holder_count; ++i) {
    job.state.holders[i] = state.holders[i];
    job.started_ns[i] = timing.started_ns(state.holders[i].hold);
    job.held_ns[i] = age_ns(job.started_ns[i], timing.now_ns());
    job.holder_waits_ns[i] = waited_ns(state.holders[i], timing.now_ns(), timing);
  }
  job.state.waiter_count = state.waiter_count;
  job.state.waiters_left_out = state.waiters_left_out;
  for (size_t i = 0; i < state.waiter_count; ++i) {
    job.state.waiters[i] = state.waiters[i];
    job.waited_ns[i] = timing.age_of(state.waiters[i]);
  }
}

void fill_ended(Job& job, const Episode& episode, const Timing& timing) {
  job.state.holder_count = episode.holder_count;
  job.state.holders_left_out = job.state.waiter_count = job.state.waiters_left_out = 0;
  for (size_t i = 0; i < episode.holder_count; ++i) {
    const HoldView& hold = episode.holders[i].hold;
    const bool ended_here = job.ended != nullptr && job.ended->hold.identity == hold.identity;
    job.state.holders[i] = episode.holders[i];
    job.started_ns[i] = episode.started_ns[i];
    job.held_ns[i] = age_ns(job.started_ns[i], ended_here ? job.ended->released_ns : episode.ended_ns);
    job.holder_waits_ns[i] = waited_ns(episode.holders[i], episode.ended_ns, timing);
  }
}

// When it is said the thread may have exited, and the reporter may not have come to an earlier report of it.
void fill_names(Job& job) {
  for (size_t i = 0; i < job.state.holder_count; ++i) {
    job.names[i][0] = '\0';
    const HolderState& holder = job.state.holders[i];
    if (!holder.hold.gone && holder.where != Whereabouts::elsewhere) g_names.look_up(holder.hold.tid, job.names[i]);
  }
}

// The moment up to which a report's durations count.
uint64_t told_until_ns(const Episode& episode, Phase phase, const Timing& timing) {
  if (!has_ended(phase)) return timing.now_ns();
  return episode.ended == nullptr ? episode.ended_ns : episode.ended->released_ns;
}

uint64_t wall_clock_at(uint64_t then_ns) {
  return wall_clock_ns() - age_ns(then_ns, monotonic_ns());
}

void fill(Job* job, const Episode& episode, Phase phase, const LockState& state, const Timing& timing) {
  job->event = episode.event;
  job->phase = phase;
  job->episode = episode.number;
  job->posted_ns = timing.now_ns();
  job->wall_clock_ns = wall_clock_at(told_until_ns(episode, phase, timing));
  job->limit_ns = episode.limit_ns;
  job->lost_ns = episode.lost_ns;
  job->threads_delayed = episode.threads_delayed;
  job->ended = has_ended(phase) ? episode.ended : nullptr;
  job->said.store(false, std::memory_order_relaxed);
  job->state.lock = episode.lock;
  std::copy_n(episode.tags, episode.tag_count(), job->tags);
  if (has_ended(phase))
    fill_ended(*job, episode, timing);
  else
    fill_living(*job, state, timing);
  fill_names(*job);
}

}  // namespace

bool post(const Episode& episode, Phase phase, const LockState& state, const Timing& timing) {
  JobQueue& queue = report_queue();
  Job* const job = queue.next_free();
  if (job != nullptr) {
    fill(job, episode, phase, state, timing);
    queue.post();
    return true;
  }
  if (!reporter_is_stuck()) return false;
  Job& spare = queue.spare();
  fill(&spare, episode, phase, state, timing);
  report_plainly(spare, timing.now_ns());
  if (spare.ended != nullptr) give_back(spare.ended);
  return true;
}

}  // namespace holdwatch
