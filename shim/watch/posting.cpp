// See posting.h.
#include "shim/watch/posting.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "shim/base/clock.h"
#include "shim/common/text/text_buffer.h"
#include "shim/fallback/plain_report.h"
#include "shim/inspection/thread_names.h"
#include "shim/record/ended_holds.h"
#include "shim/reporter/reporter.h"

namespace holdwatch {
namespace {

// How long the reporter may take before the watcher speaks itself. Where reports go to standard error the words belong
// there anyway; elsewhere it must be as good as certain that they will not come by themselves.
constexpr uint64_t kPatienceNs = 2 * kNanosecondsPerSecond;
constexpr uint64_t kLongPatienceNs = 15 * kNanosecondsPerSecond;

constexpr uint64_t kMinuteNs = 60 * kNanosecondsPerSecond;

// Written by the watcher alone.
bool g_reporter_is_stuck = false;

// How many lines the watcher may still write itself in this minute.
class Budget {
 public:
  void start(uint64_t lines_a_minute) { lines_ = left_ = lines_a_minute; }
  bool take(uint64_t now_ns) {
    if (now_ns >= until_ns_) until_ns_ = now_ns + kMinuteNs, left_ = lines_;
    if (left_ == 0) return ++left_out_, false;
    --left_;
    return true;
  }
  bool is_over(uint64_t now_ns) const { return now_ns >= until_ns_; }
  uint64_t lines() const { return lines_; }
  uint64_t take_left_out() { return std::exchange(left_out_, 0); }

 private:
  uint64_t lines_ = 0, left_ = 0, left_out_ = 0, until_ns_ = 0;
};
Budget g_budget;

constinit ThreadNames g_names;  // the watcher's

void say_left_out() {
  const uint64_t left_out = g_budget.take_left_out();
  if (left_out == 0) return;
  Line<128> text;
  text << left_out << (left_out == 1 ? " report" : " reports") << " suppressed (RATE=" << g_budget.lines() << ')';
  write_plain_notice(text);
}

void say_plainly(const Job& job, uint64_t now_ns) {
  if (g_budget.is_over(now_ns)) say_left_out();
  const bool ends_a_story = job.phase == Phase::released && was_said_plainly(job.episode);
  if (ends_a_story || g_budget.take(now_ns)) write_plain_first_line(job);
}

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
  JobQueue& queue = reporter_queue();
  Job* const job = queue.next_free();
  if (job != nullptr) {
    fill(job, episode, phase, state, timing);
    queue.post();
    return true;
  }
  if (!g_reporter_is_stuck) return false;
  Job& spare = queue.spare();
  fill(&spare, episode, phase, state, timing);
  say_plainly(spare, timing.now_ns());
  if (spare.ended != nullptr) give_back(spare.ended);
  return true;
}

void StandIn::start(const Settings& settings) {
  speaks_on_standard_error_ = strcmp(settings.log, "stderr") == 0;
  patience_ns_ = speaks_on_standard_error_ ? kPatienceNs : kLongPatienceNs;
  set_plain_reports_wanted(strcmp(settings.log, "none") != 0);
  g_budget.start(settings.rate);
  g_reporter_is_stuck = false;
}

// The reporter may be stuck in the loader or the allocator, which the stalled program may hold for ever: the first words
// must be out all the same.
void StandIn::speak_for_a_stuck_reporter(uint64_t now_ns) {
  const Job* const oldest = reporter_queue().oldest();
  g_reporter_is_stuck = oldest != nullptr && oldest->posted_ns + patience_ns_ <= now_ns;
  if (!g_reporter_is_stuck) return;
  reporter_queue().for_each_posted([&](Job& job) {
    if (job.posted_ns + patience_ns_ <= now_ns && !job.said.exchange(true)) say_plainly(job, now_ns);
  });
  say_why_once();
}

void StandIn::say_why_once() {
  if (reason_said_ || reporter_is_ready(0)) return;
  reason_said_ = true;
  write_plain_notice(
      "reports are short and without names: the symbolizer cannot be loaded, because a lock of the loader or the "
      "allocator has been held since before holdwatch started");
}

void StandIn::take_over(uint64_t now_ns) const {
  if (!speaks_on_standard_error_) return;
  g_reporter_is_stuck = true;
  reporter_queue().for_each_posted([&](Job& job) {
    if (!job.said.exchange(true)) say_plainly(job, now_ns);
  });
}

void StandIn::end(uint64_t now_ns) const {
  take_over(now_ns);
  if (speaks_on_standard_error_) say_left_out();
}

}  // namespace holdwatch
