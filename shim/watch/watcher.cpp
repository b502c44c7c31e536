// See watcher.h. Read `Watcher::wake_up` first: it is the program.
#include "shim/watch/watcher.h"

#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "shim/base/call_filter.h"
#include "shim/base/clock.h"
#include "shim/base/os.h"
#include "shim/base/pulse.h"
#include "shim/base/say.h"
#include "shim/base/text_buffer.h"
#include "shim/base/thread_mode.h"
#include "shim/capture/task_files.h"
#include "shim/record/lock_book.h"
#include "shim/record/spare_memory.h"
#include "shim/record/thread_table.h"
#include "shim/watch/episodes.h"
#include "shim/watch/ownership.h"
#include "shim/watch/plain_report.h"
#include "shim/watch/reporter.h"
#include "shim/watch/safe_point.h"

namespace holdwatch {
namespace {

constexpr size_t kMaxSuspects = 64;  // locks looked at in one wake-up; the next one takes the others
constexpr uint64_t kLastLookNs = 200'000'000;
// How long the reporter may take before the watcher speaks itself. Where reports go to standard error the words belong
// there anyway; elsewhere it must be as good as certain that they will not come by themselves.
constexpr uint64_t kPatienceNs = 2'000'000'000;
constexpr uint64_t kLongPatienceNs = 15'000'000'000;

class Watcher {
 public:
  bool start(const Settings& settings);
  void run();
  void reset();

  // Asks for a look now; the watcher sleeps on `asked`. A look that began after the question has `answered` it.
  uint32_t ask();
  void wait_for_answer(uint32_t question, uint64_t timeout_ns);
  bool ends_process() const { return ends_process_; }
  std::atomic<bool> snapshot_wanted{false};

 private:
  struct Suspects {
    LockWord locks[kMaxSuspects];
    size_t count = 0;
    void add(LockWord lock);
  };

  void wake_up();
  void advance_tick();
  void take_ended_holds();
  void look_for_holds(Suspects& suspects);
  void look_for_waits(Suspects& suspects);
  void follow_episodes();
  void begin_hold_episode(LockWord lock);
  void begin_wait_episode(LockWord lock);
  void report_all_holds();
  void note_holders(Episode& episode);
  bool note_overdue_holders(Episode& episode);
  bool note_overdue_waits(Episode& episode);
  void follow(Episode& episode);
  void end(Episode& episode);
  void close(Episode& episode);
  void report_late(HandedOver* ended);
  bool post(Episode& episode, Phase phase);
  void fill_holders(Job& job, const Episode& episode, bool lasts);
  void speak_for_a_stuck_reporter();
  void end_process_without_threads();

  uint64_t limit_of(LockWord lock) const { return lock_limit_ns(lock.address(), limits_.of(lock.access())); }
  uint64_t smallest_hold_limit_ns() const;
  uint64_t started_ns(const HoldView& hold) const { return latest_start_ns(hold, history_, scale_); }

  Limits limits_{};
  Only only_ = Only::all;
  bool repeat_ = false;  // all zero, so that the object takes no room in the file
  bool copies_stacks_ = false;
  bool reads_tsc_ = false;
  uint64_t period_ns_ = 0;
  uint64_t patience_ns_ = 0;
  bool exit_is_under_way_ = false;
  bool ends_process_ = false;  // the watcher's own thread is in exit()
  uint64_t now_ns_ = 0;
  uint64_t next_look_ns_ = 0;
  std::atomic<uint32_t> asked_{0};
  std::atomic<uint32_t> answered_{0};
  TickHistory history_;
  TscScale scale_;
  Episodes episodes_;
  LockState state_{};  // scratch
};

constinit Watcher g_watcher;
enum class Begun : uint32_t { no, under_way, yes, failed };
std::atomic<Begun> g_begun{Begun::no};

void Watcher::Suspects::add(LockWord lock) {
  for (size_t i = 0; i < count; ++i)
    if (locks[i].is_lock_at(lock.address())) return;
  if (count < kMaxSuspects) locks[count++] = lock;
}

void Watcher::wake_up() {
  advance_tick();
  take_ended_holds();
  follow_episodes();
  Suspects suspects;
  look_for_holds(suspects);
  for (size_t i = 0; i < suspects.count; ++i) begin_hold_episode(suspects.locks[i]);
  suspects.count = 0;
  look_for_waits(suspects);
  for (size_t i = 0; i < suspects.count; ++i) begin_wait_episode(suspects.locks[i]);
  speak_for_a_stuck_reporter();
  if (calls_filtered()) return;
  refill_spares(copies_stacks_);
  refill_records();
}

void Watcher::advance_tick() {
  now_ns_ = monotonic_ns();
  if (reads_tsc_) scale_.add(read_tsc(), now_ns_);
  history_.add(now_ns_);
  g_pulse.tick_ns.store(now_ns_, std::memory_order_release);
  next_look_ns_ = now_ns_ + period_ns_;
}

// Releases first: a hold that has ended must not be taken for one that lasts.
void Watcher::take_ended_holds() {
  while (HandedOver* ended = take_handed_over()) {
    Episode* episode = episodes_.find_holder(ended->hold.identity);
    if (episode == nullptr) {
      report_late(ended);
      continue;
    }
    if (episode->ended != nullptr) give_back(episode->ended);
    episode->ended = ended;
  }
}

uint64_t Watcher::smallest_hold_limit_ns() const {
  uint64_t smallest_ns = smallest_lock_limit_ns();
  for (const uint64_t limit_ns : {limits_.exclusive_ns, limits_.shared_ns})
    if (limit_ns != kNoLimit) smallest_ns = std::min(smallest_ns, limit_ns);
  return smallest_ns;
}

void Watcher::look_for_holds(Suspects& suspects) {
  const uint64_t smallest_ns = smallest_hold_limit_ns();
  if (smallest_ns == UINT64_MAX) return;
  const uint64_t oldest_ns = for_each_hold(age_ns(smallest_ns, now_ns_), [&](const HoldView& hold) {
    const uint64_t hold_age_ns = age_ns(started_ns(hold), now_ns_);
    const uint64_t limit_ns = limit_of(hold.word);
    if (is_over(hold_age_ns, limit_ns)) {
      if (episodes_.find(Event::hold, hold.word.address()) != nullptr) return;
      // What another thread has ended must not take a place among the suspects: it would come back at every look.
      if (confirm_ownership(hold.word, hold.tid) != Ownership::refuted) return suspects.add(hold.word);
      drop_left_over(hold.identity.record, hold.identity.slot);
    } else if (limit_ns != kNoLimit) {
      next_look_ns_ = std::min(next_look_ns_, now_ns_ + limit_ns - hold_age_ns);
    }
  });
  if (oldest_ns != UINT64_MAX) next_look_ns_ = std::min(next_look_ns_, history_.latest_ns(oldest_ns) + smallest_ns);
}

void Watcher::look_for_waits(Suspects& suspects) {
  if (limits_.wait_ns == kNoLimit) return;
  for_each_wait(age_ns(limits_.wait_ns, now_ns_), [&](const WaitView& wait) {
    const bool over = is_over(age_ns(history_.latest_ns(wait.since_ns), now_ns_), limits_.wait_ns);
    if (over && !wait.word.condition()) suspects.add(wait.word);
  });
}

// Notes all of the lock's present holders.
void Watcher::note_holders(Episode& episode) {
  episode.holder_count = state_.holder_count;
  for (size_t i = 0; i < state_.holder_count; ++i) {
    episode.holders[i] = state_.holders[i];
    episode.started_ns[i] = started_ns(state_.holders[i].hold);
  }
}

// Notes which of the lock's present holders are over the limit; false if none is.
bool Watcher::note_overdue_holders(Episode& episode) {
  episode.holder_count = 0;
  for (size_t i = 0; i < state_.holder_count; ++i) {
    const uint64_t start_ns = started_ns(state_.holders[i].hold);
    if (!is_over(age_ns(start_ns, now_ns_), limit_of(state_.holders[i].hold.word))) continue;
    episode.holders[episode.holder_count] = state_.holders[i];
    episode.started_ns[episode.holder_count++] = start_ns;
  }
  return episode.holder_count != 0;
}

// Notes who holds the lock; false if no wait for it is over the limit.
bool Watcher::note_overdue_waits(Episode& episode) {
  const bool any_is_over = std::any_of(state_.waiters, state_.waiters + state_.waiter_count, [&](const WaitView& wait) {
    return !wait.word.condition() && is_over(age_ns(history_.latest_ns(wait.since_ns), now_ns_), episode.limit_ns);
  });
  if (any_is_over) note_holders(episode);
  return any_is_over;
}

void Watcher::begin_hold_episode(LockWord lock) {
  read_lock_state(lock, &state_);
  Episode candidate{};
  candidate.lock = lock;
  if (!note_overdue_holders(candidate)) return;  // left over from a hold that another thread ended
  if (only_ == Only::contended && state_.waiting == 0) return;
  Episode* episode = episodes_.begin(Event::hold, lock, limit_of(candidate.holders[0].hold.word));
  if (episode != nullptr) follow(*episode);
}

// Only where no hold explains the wait: the hold's report lists its waiters.
void Watcher::begin_wait_episode(LockWord lock) {
  if (episodes_.find(Event::hold, lock.address()) != nullptr || episodes_.find(Event::wait, lock.address()) != nullptr)
    return;
  Episode* episode = episodes_.begin(Event::wait, lock, limits_.wait_ns);
  if (episode != nullptr) follow(*episode);
}

void Watcher::follow_episodes() {
  for (Episode* episode = episodes_.begin_iteration(); episode != episodes_.end_iteration(); ++episode)
    if (episode->active) follow(*episode);
}

void Watcher::follow(Episode& episode) {
  if (episode.ended_ns != 0) return close(episode);
  read_lock_state(episode.lock, &state_);
  const Episode before = episode;
  const bool lasts = episode.event == Event::hold ? note_overdue_holders(episode) : note_overdue_waits(episode);
  if (!lasts) {
    episode = before;
    return end(episode);
  }
  count_waiting(episode, state_, history_, now_ns_);
  uint64_t oldest_ns = 0;
  if (episode.event == Event::hold)
    for (size_t i = 0; i < episode.holder_count; ++i)
      oldest_ns = std::max(oldest_ns, age_ns(episode.started_ns[i], now_ns_));
  else
    for (size_t i = 0; i < state_.waiter_count; ++i)
      if (!state_.waiters[i].word.condition())
        oldest_ns = std::max(oldest_ns, age_ns(history_.latest_ns(state_.waiters[i].since_ns), now_ns_));
  if (!episode.posted) {
    episode.posted = post(episode, Phase::over);
    episode.next_age_ns = next_report_age_ns(oldest_ns, episode.limit_ns);
  } else if (repeat_ && oldest_ns >= episode.next_age_ns && post(episode, Phase::still)) {
    episode.next_age_ns = next_report_age_ns(oldest_ns, episode.limit_ns);
  }
}

void Watcher::end(Episode& episode) {
  episode.ended_ns = episode.ended == nullptr ? now_ns_ : episode.ended->released_ns;
  if (episode.ended_ns > episode.last_look_ns && episode.last_look_ns != 0)
    episode.lost_ns += episode.waiting * (episode.ended_ns - episode.last_look_ns);
  close(episode);
}

// Posts the closing line; if the reporter is too far behind, again at the next look. A hold whose first report could not
// be posted in time is told all the same: the reporter makes a late report of it.
void Watcher::close(Episode& episode) {
  const bool has_story = episode.posted || (episode.event == Event::hold && episode.ended != nullptr);
  if (has_story && !post(episode, Phase::released)) return;
  if (!has_story && episode.ended != nullptr) give_back(episode.ended);
  episodes_.end(episode);
}

// A hold that nobody looked at while it was over its limit.
void Watcher::report_late(HandedOver* ended) {
  const uint64_t start_ns = started_ns(ended->hold);
  const uint64_t limit_ns = limit_of(ended->hold.word);
  const bool wanted = is_over(age_ns(start_ns, ended->released_ns), limit_ns) && only_ == Only::all;
  Episode episode{};
  episode.event = Event::hold;
  episode.number = wanted ? episodes_.next_number() : 0;
  episode.lock = ended->hold.word;
  episode.limit_ns = limit_ns;
  episode.holders[0] = {ended->hold, false};
  episode.started_ns[0] = start_ns;
  episode.holder_count = 1;
  episode.ended = ended;
  episode.ended_ns = ended->released_ns;
  if (wanted && post(episode, Phase::late)) return;
  if (wanted) count_lost_hold();
  give_back(ended);
}

bool Watcher::post(Episode& episode, Phase phase) {
  Job* job = reporter_queue().next_free();
  if (job == nullptr) return false;
  job->event = episode.event;
  job->phase = phase;
  job->episode = episode.number;
  job->posted_ns = now_ns_;
  job->wall_clock_ns = wall_clock_ns();
  job->limit_ns = episode.limit_ns;
  job->lost_ns = episode.lost_ns;
  job->threads_delayed = episode.threads_delayed;
  job->ended = phase == Phase::released || phase == Phase::late ? episode.ended : nullptr;
  job->said.store(false, std::memory_order_relaxed);
  fill_holders(*job, episode, phase != Phase::released && phase != Phase::late);
  reporter_queue().post();
  return true;
}

void Watcher::fill_holders(Job& job, const Episode& episode, bool lasts) {
  LockState& state = job.state;
  state.lock = episode.lock;
  // While it lasts everybody who holds the lock is listed, also a reader whose own hold is short: a writer waits for all.
  state.holder_count = lasts ? state_.holder_count : episode.holder_count;
  state.holders_left_out = lasts ? state_.holders_left_out : 0;
  for (size_t i = 0; i < state.holder_count; ++i) {
    state.holders[i] = lasts ? state_.holders[i] : episode.holders[i];
    const HoldView& hold = state.holders[i].hold;
    const bool ended_here = job.ended != nullptr && job.ended->hold.identity == hold.identity;
    job.started_ns[i] = lasts ? started_ns(hold) : episode.started_ns[i];
    const uint64_t until_ns = ended_here ? job.ended->released_ns : lasts ? now_ns_ : episode.ended_ns;
    job.held_ns[i] = age_ns(job.started_ns[i], until_ns);
  }
  state.waiter_count = lasts ? state_.waiter_count : 0;
  state.waiters_left_out = lasts ? state_.waiters_left_out : 0;
  for (size_t i = 0; i < state.waiter_count; ++i) {
    state.waiters[i] = state_.waiters[i];
    job.waited_ns[i] = age_ns(history_.latest_ns(state_.waiters[i].since_ns), now_ns_);
  }
}

// The reporter may be stuck in the loader or the allocator, which the stalled program may hold for ever: the first words
// must be out all the same.
void Watcher::speak_for_a_stuck_reporter() {
  Job* job = reporter_queue().oldest();
  if (job == nullptr || job->posted_ns + patience_ns_ > now_ns_ || job->said.exchange(true)) return;
  write_plain_first_line(*job);
}

bool Watcher::start(const Settings& settings) {
  limits_ = {settings.limit_ns, settings.read_limit_ns, settings.wait_limit_ns};
  only_ = settings.only;
  repeat_ = settings.repeat;
  period_ns_ = wake_period_ns(limits_);
  reads_tsc_ = settings.clock == ClockSource::tsc;
  copies_stacks_ = settings.stacks != Stacks::callsite;
  uint32_t extras = 0;
  if (reads_tsc_) extras |= kReadTsc;
  if (settings.stacks == Stacks::full) extras |= kCopyAlways;
  g_pulse.extras.fetch_or(extras, std::memory_order_relaxed);
  patience_ns_ = strcmp(settings.log, "stderr") == 0 ? kPatienceNs : kLongPatienceNs;
  set_plain_reports_wanted(strcmp(settings.log, "none") != 0);
  refill_spares(copies_stacks_);
  // A hold is handed over a little early: its exact end, taken then, decides. See wake_period_ns.
  for (const Access access : {Access::exclusive, Access::shared}) {
    const uint64_t limit_ns = std::min(limits_.of(access) - 1, smallest_lock_limit_ns() - 1) + 1;
    g_pulse.hand_over_ns[static_cast<size_t>(access)].store(
        limit_ns == kNoLimit ? UINT64_MAX : limit_ns - std::min(limit_ns / 2, 2 * period_ns_),
        std::memory_order_relaxed);
  }
  advance_tick();
  return true;
}

void Watcher::run() {
  while (true) {
    const uint32_t question = asked_.load(std::memory_order_acquire);
    {
      const Working working;
      wake_up();
      if (snapshot_wanted.exchange(false, std::memory_order_relaxed)) report_all_holds();
    }
    answered_.store(question, std::memory_order_release);
    wake(answered_);
    end_process_without_threads();
    const uint64_t after_ns = monotonic_ns();
    if (next_look_ns_ > after_ns) sleep_on(asked_, question, next_look_ns_ - after_ns);
  }
}

// A process whose main thread left by pthread_exit ends when its last thread does, by exit(0) in that thread
// (pthread_exit(3); nptl/pthread_create.c). glibc counts our threads too, so that it would never come to that: then it is on
// us. The last thread does it itself if it ever took a lock, for only then do we see it leave.
constexpr size_t kOurThreads = 2;

void exit_if_last(bool is_leader) {
  const size_t leader_and_self = is_leader ? 1 : 2;  // the main thread stays in the list as a zombie
  if (g_begun.load() != Begun::yes || calls_filtered()) return;
  if (count_threads() <= kOurThreads + leader_and_self) exit(0);
}

// Exit handlers are the program's: they want a stack and signals as its threads have them.
void* exit_in_own_thread(void*) {
  sigset_t none;
  sigemptyset(&none);
  pthread_sigmask(SIG_SETMASK, &none, nullptr);
  exit(0);
}

void Watcher::end_process_without_threads() {
  constexpr size_t kLeader = 1;
  if (exit_is_under_way_ || !main_thread_has_exited() || count_threads() > kOurThreads + kLeader) return;
  exit_is_under_way_ = true;
  pthread_t thread;
  if (pthread_create(&thread, nullptr, exit_in_own_thread, nullptr) == 0) return;
  ends_process_ = true;
  exit(0);
}

uint32_t Watcher::ask() {
  const uint32_t question = asked_.fetch_add(1, std::memory_order_release) + 1;
  wake(asked_);
  return question;
}

void Watcher::wait_for_answer(uint32_t question, uint64_t timeout_ns) {
  const uint64_t until_ns = monotonic_ns() + timeout_ns;
  for (uint64_t now_ns = monotonic_ns(); now_ns < until_ns; now_ns = monotonic_ns()) {
    const uint32_t answered = answered_.load(std::memory_order_acquire);
    if (static_cast<int32_t>(answered - question) >= 0) return;
    sleep_on(answered_, answered, until_ns - now_ns);
  }
}

// The answer to a snapshot: one report a lock, as many as the reporter can take.
void Watcher::report_all_holds() {
  Suspects held;
  for_each_hold(UINT64_MAX, [&](const HoldView& hold) { held.add(hold.word); });
  for (size_t i = 0; i < held.count; ++i) {
    read_lock_state(held.locks[i], &state_);
    Episode episode{};
    episode.event = Event::hold;
    episode.lock = held.locks[i];
    episode.limit_ns = limit_of(held.locks[i]);
    note_holders(episode);
    count_waiting(episode, state_, history_, now_ns_);
    if (episode.holder_count > 0) post(episode, Phase::snapshot);
  }
}

void Watcher::reset() {
  history_.clear();
  episodes_.clear();
  scale_ = TscScale{};
  snapshot_wanted.store(false, std::memory_order_relaxed);
}

void* run_watcher(void*) {
  t_mode = ThreadMode::internal;
  name_own_thread("holdwatch");
  g_watcher.run();
  return nullptr;
}

}  // namespace

void watch_begin(const Settings& settings) {
  Begun expected = Begun::no;
  if (!g_begun.compare_exchange_strong(expected, Begun::under_way)) return;
  const int error = reporter_start(settings, watch_end);
  pthread_t thread;
  const bool begun = error == 0 && g_watcher.start(settings) && start_own_thread(&thread, run_watcher) == 0;
  g_thread_leaves = exit_if_last;
  if (!begun) {
    g_pulse.tick_ns.store(0, std::memory_order_relaxed);
    say("cannot start the watch: no thread or memory to be had; the program goes on unwatched");
  }
  g_begun.store(begun ? Begun::yes : Begun::failed);
}

void watch_after_fork() {
  g_pulse.tick_ns.store(0, std::memory_order_relaxed);
  g_watcher.reset();
  reporter_after_fork();
  g_begun.store(Begun::no);
}

void watch_snapshot() {
  if (g_begun.load() != Begun::yes) return;
  g_watcher.snapshot_wanted.store(true, std::memory_order_relaxed);
  g_watcher.ask();
}

void watch_end() {
  if (g_begun.load() != Begun::yes) return;
  const Inside inside;
  // A hold that ended just now has its closing line still to come.
  if (!g_watcher.ends_process()) g_watcher.wait_for_answer(g_watcher.ask(), kLastLookNs);
  reporter_finish();
}

}  // namespace holdwatch
