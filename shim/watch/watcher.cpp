// See watcher.h. Read `Watcher::wake_up` first: it is the main sequence.
#include "shim/watch/watcher.h"

#include <pthread.h>

#include <algorithm>

#include "shim/base/clock.h"
#include "shim/base/clock_line.h"
#include "shim/base/control_requests.h"
#include "shim/base/libc_functions.h"
#include "shim/base/os.h"
#include "shim/base/upcalls.h"
#include "shim/common/text/text_buffer.h"
#include "shim/fallback/fallback_reporter.h"
#include "shim/handoff/report_request.h"
#include "shim/handoff/watch_stops.h"
#include "shim/inspection/inferred_holds.h"
#include "shim/inspection/pollers.h"
#include "shim/own_threads/own_thread.h"
#include "shim/own_threads/seccomp_state.h"
#include "shim/record/call_sites.h"
#include "shim/record/learnt_enders.h"
#include "shim/record/spare_memory.h"
#include "shim/record/stamp.h"
#include "shim/record/thread_table.h"
#include "shim/timing/timing.h"
#include "shim/watch/call_rate.h"
#include "shim/watch/condition_waits.h"
#include "shim/watch/episode_keeper.h"
#include "shim/watch/scan.h"

namespace holdwatch {

namespace {

// How long after its start the watcher of a process that is being attached to looks out for the command's next request, and how
// often.
constexpr uint64_t kFollowUpNs = 2 * kNanosecondsPerSecond;
constexpr uint64_t kFollowUpPeriodNs = 5'000'000;
// How long the answer about what is stuck waits for the reporter, if that may name readers.
constexpr uint64_t kFindReadersNs = 3 * kNanosecondsPerSecond;
constexpr uint64_t kLongestCoolingNs = 3600 * kNanosecondsPerSecond;

class Watcher {
 public:
  void start(const Settings& settings);
  void run();
  // Waits until run() has returned.
  void stop();
  void reset();

  // Requests a scan now; the watcher sleeps on `scans_requested_`. A scan that began after the request completes it
  // (`scans_completed_`).
  uint32_t request_scan();
  void await_scan(uint32_t scan_number, uint64_t timeout_ns);
  std::atomic<bool> snapshot_wanted{false};
  std::atomic<bool> limits_changed{false};
  std::atomic<bool> final_reports_wanted{false};

 private:
  void wake_up(uint32_t scan_number);
  void tick();
  bool is_scan_due(uint32_t scan_number) const;
  bool expects_follow_up() const { return timing_.now_ns() < follow_up_until_ns_; }
  uint64_t longest_sleep_ns() const;
  void scan();
  void look_again();
  void set_paused(bool paused);
  void report_stuck();
  void look_for_stuck();
  void report_snapshot();
  void list_locks();
  void handle_request();
  void cool_sites();
  void sleep(uint32_t scan_number);

  bool copies_stacks_ = false;
  bool notes_all_ = false;         // an option needs more than the call site noted for every acquisition
  bool notes_every_site_ = false;  // the last argument of note_every_site
  std::atomic<uint32_t> scans_requested_{0};
  std::atomic<uint32_t> scans_completed_{0};
  std::atomic<bool> stop_wanted_{false};
  std::atomic<uint32_t> stopped_{0};
  bool is_paused_ = false;  // watching was stopped by a command: nothing is reported until the start command
  Timing timing_;
  CallRate call_rate_;
  uint64_t follow_up_until_ns_ = 0;
  uint64_t answer_until_ns_ = 0;  // while the reporter looks for readers; 0: it does not
  uint64_t scan_due_ns_ = 0;
  uint64_t sites_due_ns_ = 0;
  uint32_t sites_cooled_ = 0;
  Scan scan_;
  EpisodeKeeper keeper_;
  bool repeats_ = false;
  ConditionWaits condition_waits_;
  FallbackReporter fallback_reporter_;
};

constinit Watcher g_watcher;
pthread_t g_watcher_thread;  // while it runs
std::atomic<bool> g_runs{false};

void Watcher::wake_up(uint32_t scan_number) {
  tick();
  if (!is_paused_) keeper_.look_for_passing(timing_);
  if (!is_scan_due(scan_number)) return;
  scan_due_ns_ = timing_.now_ns() + timing_.scan_period_ns();
  if (is_paused_)
    drop_ended_holds();
  else
    scan();
  handle_request();
  forget_old_ends(timing_.now_ns());
  if (calls_filtered()) return;
  refill_spares(copies_stacks_);
  refill_records();
  cool_sites();
}

// A successful trylock is dated by the tick if its site is known to stay: no site is, if lock calls are few.
void Watcher::tick() {
  if (calls_filtered()) {
    call_rate_.reset();  // nobody reads the clock now
  } else {
    call_rate_.look(monotonic_ns(), timing_.limits().smallest_ns(), take_exact_stamps());
  }
  timing_.advance(call_rate_.are_few());
  allow_exact_stamps(CallRate::few_in(2 * longest_sleep_ns()));
  if (notes_every_site_ == (notes_all_ || call_rate_.are_few())) return;
  notes_every_site_ = !notes_every_site_;
  note_every_site(notes_every_site_);
}

// Most wake-ups of a busy process only publish the tick.
bool Watcher::is_scan_due(uint32_t scan_number) const {
  return std::min({scan_due_ns_, scan_.next_look_ns(), condition_waits_.next_look_ns(), next_look_for_pollers_ns()}) <=
             timing_.now_ns() ||
         scans_completed_.load(std::memory_order_relaxed) != scan_number || (expects_follow_up() && is_requested());
}

uint64_t Watcher::longest_sleep_ns() const {
  if (calls_filtered()) return timing_.wake_period_ns();
  return call_rate_.were_few() ? timing_.idle_period_ns() : timing_.busy_period_ns();
}

// Once per limit: so a call site is trusted, and its holds are dated by the tick, only as long as it makes many calls.
void Watcher::cool_sites() {
  constexpr uint32_t kTrustedFor = 16;
  if (call_rate_.are_few() || timing_.now_ns() < sites_due_ns_) return;
  if (sites_due_ns_ != 0) forget_half_of_sites(++sites_cooled_ % kTrustedFor == 0);
  sites_due_ns_ = timing_.now_ns() + std::min(timing_.limits().smallest_ns(), kLongestCoolingNs);
}

void Watcher::scan() {
  const bool is_final = final_reports_wanted.load(std::memory_order_relaxed);
  if (is_final) fallback_reporter_.take_over(timing_.now_ns());
  keeper_.take_ended_holds(timing_);
  if (limits_changed.exchange(false, std::memory_order_relaxed)) look_again();
  Candidates held, waited_for;
  look_for_pollers(timing_);
  update_inferred(timing_, keeper_.reported_locks(), keeper_.lock_index(), held);
  if (!keeper_.follow_all(timing_)) scan_.look_again();
  scan_.look_for_holds(timing_, keeper_.episodes(), keeper_.behind_holds(), held,
                       call_rate_.were_few() ? longest_sleep_ns() : 0);
  if (held.count > 0 || keeper_.is_search_due(timing_)) keeper_.begin_cycles(timing_);
  if (!keeper_.begin_hold_episodes(held, timing_)) scan_.look_again();
  scan_.look_for_waits(timing_, keeper_.episodes(), waited_for);
  if (waited_for.count > 0) keeper_.begin_cycles(timing_);
  if (!keeper_.begin_wait_episodes(waited_for, timing_)) scan_.look_again();
  if (!calls_filtered()) condition_waits_.look(timing_, repeats_, [this] { return keeper_.episodes().next_number(); });
  if (is_final)
    fallback_reporter_.end(timing_.now_ns());
  else
    fallback_reporter_.report_for_stuck_reporter(timing_.now_ns());
  if (snapshot_wanted.exchange(false, std::memory_order_relaxed)) keeper_.report_all_holds(timing_);
}

// Limits have changed.
void Watcher::look_again() {
  scan_.look_again();
  keeper_.search_for_passing();
}

void Watcher::set_paused(bool paused) {
  is_paused_ = paused;
  g_watch_stops.fetch_add(1, std::memory_order_relaxed);
  keeper_.reset();
  condition_waits_.reset();
  forget_pollers();
  scan_.look_again();
}

// What was stuck before the attachment is over its limit by now, if it is known since when.
void Watcher::report_stuck() {
  if (calls_filtered()) return answer_request(false, "");
  if (answer_until_ns_ == 0) {
    look_for_stuck();
    answer_until_ns_ = follow_up_until_ns_ = timing_.now_ns() + kFindReadersNs;
  }
  const bool has_time = timing_.now_ns() < answer_until_ns_ && !report_queue().idle();
  if (has_time && keeper_.stuck_summary_needs_reporter(timing_)) return;  // asked again at the next wake-up
  answer_until_ns_ = follow_up_until_ns_ = 0;
  Line<kControlAnswerSize> text;
  keeper_.append_stuck_summary(timing_, text);
  answer_request(true, text);
}

void Watcher::look_for_stuck() {
  tick();  // what was read at this wake-up is out of date
  infer_since(holdwatch_control_block.argument.load(std::memory_order_relaxed));
  scan_.look_again();
  keeper_.search_at_once();
  scan();
}

void Watcher::report_snapshot() {
  if (holdwatch_control_block.argument.load(std::memory_order_relaxed) != kSnapshotOfConditionWaits) {
    keeper_.report_all_holds(timing_);
    return answer_request(true, "");
  }
  if (calls_filtered()) return answer_request(false, "its seccomp filter does not let holdwatch look at its threads");
  const size_t count = report_condition_waits(timing_);
  Line<128> text;
  text << count << (count == 1 ? " thread is" : " threads are") << " in a condition wait";
  answer_request(true, text);
}

void Watcher::list_locks() {
  LockList& list = keeper_.list_locks(timing_, holdwatch_control_block.argument.load(std::memory_order_relaxed));
  list.paused = is_paused_;
  holdwatch_control_block.lock_list = &list;
  answer_request(true, "");
}

// Handles a command's request (common/contract/control_block.h) at the first wake-up after it.
void Watcher::handle_request() {
  if (!is_requested()) return;
  const ControlRequest request = holdwatch_control_block.request.load(std::memory_order_relaxed);
  switch (request) {
    case ControlRequest::none:
      return answer_request(false, "unknown request");
    case ControlRequest::attach:
      return;  // completed by the attachment's thread, which has started us
    case ControlRequest::snapshot:
      return report_snapshot();
    case ControlRequest::stuck:
      return report_stuck();
    case ControlRequest::list:
      return list_locks();
    case ControlRequest::stop:
    case ControlRequest::start:
      set_paused(request == ControlRequest::stop);
      return answer_request(true, "");
    case ControlRequest::limit: {
      const uint64_t limit_ns = holdwatch_control_block.argument.load(std::memory_order_relaxed);
      timing_.set_limits({limit_ns, limit_ns, 5 * limit_ns});
      look_again();
      return answer_request(true, "");
    }
    case ControlRequest::detach:
      // Completed by the attachment's thread, once all calls are restored.
      if (holdwatch_control_block.state.load(std::memory_order_relaxed) == ControlState::preloaded)
        return answer_request(false, "it was started with holdwatch preloaded");
      set_paused(true);
      if (calls_filtered()) return answer_request(false, kFilterKeepsAttachment);
      return kUpcalls.detach();
  }
}

void Watcher::start(const Settings& settings) {
  copies_stacks_ = settings.stacks != Stacks::callsite;
  uint32_t extras = 0;
  if (settings.clock == ClockSource::tsc) extras |= kReadTsc;
  if (settings.stacks == Stacks::full) extras |= kCopyAlways;
  g_clock_line.extras.fetch_or(extras, std::memory_order_relaxed);
  notes_all_ = extras != 0;
  notes_every_site_ = notes_all_;
  note_every_site(notes_all_);
  allow_trials(settings.stacks == Stacks::automatic);
  refill_spares(copies_stacks_);
  fallback_reporter_.start(settings);
  keeper_.start(settings);
  repeats_ = settings.repeat;
  timing_.start(settings);
  timing_.advance();
  is_paused_ = false;
  const bool is_attaching = holdwatch_control_block.state.load(std::memory_order_relaxed) == ControlState::attaching;
  follow_up_until_ns_ = is_attaching ? timing_.now_ns() + kFollowUpNs : 0;
}

void Watcher::stop() {
  constexpr uint64_t kPollIntervalNs = 100'000'000;
  stop_wanted_.store(true, std::memory_order_release);
  request_scan();
  while (stopped_.load(std::memory_order_acquire) == 0) sleep_on(stopped_, 0, kPollIntervalNs);
}

void Watcher::run() {
  holdwatch_control_block.watcher_runs.store(1, std::memory_order_release);
  while (!stop_wanted_.load(std::memory_order_acquire)) {
    const uint32_t scan_number = scans_requested_.load(std::memory_order_acquire);
    {
      const SystemCallScope calls;
      wake_up(scan_number);
    }
    if (scans_completed_.load(std::memory_order_relaxed) != scan_number) {
      scans_completed_.store(scan_number, std::memory_order_release);
      wake(scans_completed_);
    }
    sleep(scan_number);
  }
  holdwatch_control_block.watcher_runs.store(0, std::memory_order_release);
  stopped_.store(1, std::memory_order_release);
  wake(stopped_);
}

// Until the next tick is due, a hold or wait can exceed its limit, or a request arrives. Work that has no time of its
// own waits for the tick.
void Watcher::sleep(uint32_t scan_number) {
  uint64_t until_ns = timing_.now_ns() + longest_sleep_ns();
  for (const uint64_t look_ns : {scan_.next_look_ns(), condition_waits_.next_look_ns(),
                                 keeper_.next_look_for_passing_ns(), next_look_for_pollers_ns()})
    if (look_ns > timing_.now_ns()) until_ns = std::min(until_ns, look_ns);
  if (expects_follow_up()) until_ns = std::min(until_ns, timing_.now_ns() + kFollowUpPeriodNs);
  const uint64_t after_ns = monotonic_ns();
  if (until_ns > after_ns) sleep_on(scans_requested_, scan_number, until_ns - after_ns);
}

uint32_t Watcher::request_scan() {
  const uint32_t scan_number = scans_requested_.fetch_add(1, std::memory_order_release) + 1;
  wake(scans_requested_);
  return scan_number;
}

void Watcher::await_scan(uint32_t scan_number, uint64_t timeout_ns) {
  const uint64_t until_ns = monotonic_ns() + timeout_ns;
  for (uint64_t now_ns = monotonic_ns(); now_ns < until_ns; now_ns = monotonic_ns()) {
    const uint32_t completed = scans_completed_.load(std::memory_order_acquire);
    if (static_cast<int32_t>(completed - scan_number) >= 0) return;
    sleep_on(scans_completed_, completed, until_ns - now_ns);
  }
}

void Watcher::reset() {
  timing_.reset();
  call_rate_.reset();
  scan_due_ns_ = 0;
  answer_until_ns_ = 0;
  keeper_.reset();
  condition_waits_.reset();
  forget_pollers();
  scan_.look_again();
  stop_wanted_.store(false, std::memory_order_relaxed);
  stopped_.store(0, std::memory_order_relaxed);
  snapshot_wanted.store(false, std::memory_order_relaxed);
  final_reports_wanted.store(false, std::memory_order_relaxed);
}

constexpr OwnThread kWatcherThread = {"holdwatch", [] { g_watcher.run(); }, kWatcherStackSize};

}  // namespace

int watcher_start(const Settings& settings) {
  g_watcher.start(settings);
  const int error = start_own_thread(kWatcherThread, &g_watcher_thread);
  g_runs.store(error == 0);
  return error;
}

void watcher_stop() {
  if (!g_runs.load()) return;
  g_watcher.stop();
  libc().pthread_join(g_watcher_thread, nullptr);
  g_runs.store(false);
}

void watcher_reset() {
  g_watcher.reset();
}

void watcher_after_fork() {
  g_runs.store(false);
  holdwatch_control_block.watcher_runs.store(0, std::memory_order_relaxed);
  g_watcher.reset();
}

void watcher_snapshot() {
  if (!g_runs.load()) return;
  g_watcher.snapshot_wanted.store(true, std::memory_order_relaxed);
  g_watcher.request_scan();
}

void watcher_limits_changed() {
  if (!g_runs.load()) return;
  g_watcher.limits_changed.store(true, std::memory_order_relaxed);
  g_watcher.request_scan();
}

void watcher_scan_now(uint64_t timeout_ns) {
  g_watcher.await_scan(g_watcher.request_scan(), timeout_ns);
}

void watcher_write_final_reports(uint64_t timeout_ns) {
  g_watcher.final_reports_wanted.store(true, std::memory_order_relaxed);
  watcher_scan_now(timeout_ns);
}

}  // namespace holdwatch
