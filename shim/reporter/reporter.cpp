// See reporter.h.
#include "shim/reporter/reporter.h"

#include <pthread.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cstring>

#include "shim/base/clock.h"
#include "shim/base/libc_functions.h"
#include "shim/base/os.h"
#include "shim/base/thread_mode.h"
#include "shim/base/unloads.h"
#include "shim/base/upcalls.h"
#include "shim/common/kernel/system_call.h"
#include "shim/common/text/text_buffer.h"
#include "shim/fallback/plain_report.h"
#include "shim/handoff/report_request.h"
#include "shim/handoff/reporter_loading.h"
#include "shim/handoff/startup_messages.h"
#include "shim/inspection/capture.h"
#include "shim/inspection/task_files.h"
#include "shim/own_threads/own_thread.h"
#include "shim/own_threads/seccomp_state.h"
#include "shim/own_threads/standard_error.h"
#include "shim/record/call_sites.h"
#include "shim/record/thread_table.h"
#include "shim/reporter/clean_pages.h"
#include "shim/reporter/report_callback.h"
#include "shim/reporter/reported.h"
#include "shim/reporter/stack_collector.h"
#include "shim/reporter/symbolizer_link.h"

namespace holdwatch {

namespace {

constexpr uint64_t kFlushAfterNs = kNanosecondsPerSecond;
constexpr uint64_t kTrimAfterNs = 60 * kNanosecondsPerSecond;
constexpr uint64_t kNoTimeoutNs = 3600 * kNanosecondsPerSecond;
// How long the program's threads wait for us: the first pthread_create, and a fork.
constexpr uint64_t kThreadNs = 300'000'000;
constexpr uint64_t kForkNs = 1'000'000'000;

class Reporter {
 public:
  int start(const Settings& settings);
  void run();
  bool reserve() { return report_queue().start() && stack_collector_.start(); }
  bool finish(uint64_t until_ns);
  void stop();
  void wait_unless_stuck(uint64_t timeout_ns) const;
  void reset();
  bool is_busy() const { return busy_.load(); }

 private:
  void load();
  void leave_loader();
  void process(ReportRequest& request);
  void rest();
  uint64_t time_to_rest_ns() const;
  void flush();
  void trim();
  void retire();
  void say_filter_once();
  bool is_wanted(const ReportRequest& request, const SymbolizerApi* api);
  void report(ReportRequest& request, const SymbolizerApi* api);
  Finding describe(ReportRequest& request);
  bool capture(const ReportRequest& request, Finding& finding);
  void keep_what_was_said(const ReportRequest& request, const Finding& described, Finding& finding);
  Phase told_phase(const ReportRequest& request) const;
  const SymbolizerApi* usable_api() const;

  // What has been done since nothing was posted any more.
  enum class Rest : uint8_t { none, flushed, trimmed };

  const Settings* settings_ = nullptr;
  HostCalls host_{};
  LoadedSymbolizer symbolizer_{};
  StackCollector stack_collector_;
  Holder holders_[kMaxHolders] = {};
  Waiter waiters_[kMaxWaiters] = {};
  uint64_t lost_said_ = 0;
  bool filter_said_ = false;
  Rest rest_ = Rest::none;
  ReportedEpisodes reported_;
  pthread_t thread_{};  // once it has been started
  std::atomic<bool> running_{false};
  std::atomic<bool> busy_{false};  // may be in the symbolizer, or loads it
  std::atomic<int> tid_{0};
  std::atomic<uint32_t> finishing_{0};
  std::atomic<bool> stopping_{false};  // finishing, and not because the process exits
  std::atomic<uint32_t> parked_{0};
};

constinit Reporter g_reporter;

bool has_ended(Phase phase) {
  return phase == Phase::released || phase == Phase::late;
}

// Whether what the finding is about was found again.
bool is_still_true(const Finding& finding) {
  if (finding.event != Event::wait) return finding.holder_count > 0;
  return finding.waiter_count > 0 || has_ended(finding.phase);
}

// The symbolizer could not tell who took a lock there.
void copy_stacks_at(uintptr_t pc) {
  note_site(pc, SiteKind::copies);
}

constexpr OwnThread kReporterThread = {"holdwatch-rep", [] { g_reporter.run(); }, kReporterStackSize};

int Reporter::start(const Settings& settings) {
  settings_ = &settings;
  if (!reserve()) return ENOMEM;
  running_.store(true);
  reporter_loading_begins();
  busy_.store(true);
  const int error = start_own_thread(kReporterThread, &thread_);
  if (error != 0) running_.store(false), reporter_loading_ends(), busy_.store(false);
  return error;
}

void Reporter::load() {
  const SystemCallScope calls;
  if (calls_filtered()) return leave_loader();
  tid_.store(static_cast<int>(system_call(SYS_gettid)));
  const auto complain = is_listening_for_startup_messages() ? &add_startup_refusal : nullptr;
  host_ = {&call_report_callback, &copy_stacks_at,          &end_trial, &unloaded_between, complain,
           kUpcalls.before_exit,  standard_error_at_start()};
  symbolizer_ = load_symbolizer(*settings_, host_);
  leave_loader();
  capture_start(settings_->signal);
  give_back_clean_pages();
  rest_ = Rest::trimmed;
}

// Whoever waits for it goes on at once: what is left to do needs none of the program's locks, and nothing of the symbolizer.
void Reporter::leave_loader() {
  busy_.store(false);
  reporter_loading_ends();
}

void Reporter::run() {
  ReportQueue& queue = report_queue();
  load();
  busy_.store(true);
  while (true) {
    const uint32_t posted = queue.posted_word().load(std::memory_order_acquire);
    if (ReportRequest* request = queue.oldest(); request != nullptr) {
      process(*request);
      queue.done();
      rest_ = Rest::none;
      continue;
    }
    if (finishing_.load(std::memory_order_acquire) != 0) break;
    busy_.store(false);
    sleep_on(queue.posted_word(), posted, time_to_rest_ns());
    busy_.store(true);
    if (queue.idle()) rest();
  }
  flush();
  const bool ends = stopping_.load(std::memory_order_relaxed);
  if (ends) retire();
  busy_.store(false);
  parked_.store(1, std::memory_order_release);
  wake(parked_);
  if (!ends) rest_forever();  // the process is about to end
}

uint64_t Reporter::time_to_rest_ns() const {
  switch (rest_) {
    case Rest::none:
      return kFlushAfterNs;
    case Rest::flushed:
      return kTrimAfterNs;
    case Rest::trimmed:
      break;
  }
  return kNoTimeoutNs;
}

// Nothing was posted for a while. First what RATE has held back is said, later what the next report needs anew is given
// back; then there is nothing to wake up for.
void Reporter::rest() {
  switch (rest_) {
    case Rest::none:
      flush();
      rest_ = Rest::flushed;
      break;
    case Rest::flushed:
      trim();
      rest_ = Rest::trimmed;
      break;
    case Rest::trimmed:
      break;
  }
}

void Reporter::trim() {
  const SystemCallScope calls;
  const SymbolizerApi* api = usable_api();
  if (api == nullptr) return;
  api->trim(symbolizer_.self);
  give_back_clean_pages();
}

void Reporter::retire() {
  if (symbolizer_.api != nullptr) symbolizer_.api->destroy(symbolizer_.self);
  symbolizer_ = {};
}

// Says what has not been reported, and why.
void Reporter::flush() {
  const SystemCallScope calls;
  const SymbolizerApi* api = usable_api();
  const uint64_t lost = ended_holds_lost();
  if (lost != lost_said_) {
    char line[kNoteSize];
    TextBuffer text(line, sizeof line);
    const uint64_t more = lost - lost_said_;
    text << more << (more == 1 ? " more hold over its limit was" : " more holds over their limit were")
         << " not reported: too many ended at once";
    lost_said_ = lost;
    if (api != nullptr)
      api->notice(symbolizer_.self, line);
    else
      write_plain_notice(line);
  }
  if (api != nullptr) api->flush(symbolizer_.self);
}

// The symbolizer opens files, so that under a filter of system calls it must not be called.
const SymbolizerApi* Reporter::usable_api() const {
  return calls_filtered() ? nullptr : symbolizer_.api;
}

void Reporter::process(ReportRequest& request) {
  const SystemCallScope calls;
  const SymbolizerApi* api = usable_api();
  stack_collector_.use(api, symbolizer_.self);
  if (is_wanted(request, api)) report(request, api);
  request.said.store(true);
  if (request.ended != nullptr) give_back(request.ended);
  stack_collector_.give_back();
}

// The first line needs no stack, so that it waits for none: unwinding and symbols take long where tables or debug data have to
// be read.
void Reporter::report(ReportRequest& request, const SymbolizerApi* api) {
  const Finding described = describe(request);
  if (!is_still_true(described)) return;
  const bool first_line_is_out = api != nullptr && api->say_first_line(symbolizer_.self, &described);
  Finding finding = described;
  if (!capture(request, finding)) {
    if (!first_line_is_out) return;
    keep_what_was_said(request, described, finding);
  }
  const bool reported = api != nullptr && api->report(symbolizer_.self, &finding);
  if (!reported && !request.said.exchange(true)) write_plain_report(finding);
  say_filter_once();
  reported_.note(finding);
}

// Whether it is worth capturing anything for: not what RATE leaves out, nor how a story goes on whose beginning was not
// told because it was no longer true.
bool Reporter::is_wanted(const ReportRequest& request, const SymbolizerApi* api) {
  const Phase phase = told_phase(request);
  if ((phase == Phase::still || phase == Phase::released) && !reported_.has(request.episode) &&
      !was_said_plainly(request.episode))
    return false;
  if (api == nullptr || api->admit(symbolizer_.self, phase, request.episode)) return true;
  reported_.note(request.episode);
  return false;
}

// Everything about the request that is (still) true, but for stacks.
Finding Reporter::describe(ReportRequest& request) {
  Finding finding{};
  finding.event = request.event;
  finding.phase = told_phase(request);
  finding.episode = request.episode;
  finding.wall_clock_ns = request.wall_clock_ns;
  finding.limit_ns = request.limit_ns;
  finding.lock = {request.state.lock.address(), request.state.lock.kind()};
  finding.lock_id = request.tags[0].id;
  std::memcpy(finding.lock_name, request.tags[0].name, sizeof finding.lock_name);
  finding.lost_ns = request.lost_ns;
  finding.threads_delayed = request.threads_delayed;
  finding.unrecorded_holds = unrecorded_holds();
  finding.unreported_holds = ended_holds_lost();
  finding.holders = holders_;
  finding.waiters = waiters_;
  finding.waiters_left_out = request.state.waiters_left_out;
  finding.was_said_plainly = was_said_plainly(request.episode);
  finding.first_line_said = &request.said;
  finding.holder_count = stack_collector_.describe_holders(request, holders_);
  finding.waiter_count = stack_collector_.describe_waiters(request, waiters_);
  reported_.complete(finding);
  if (request.state.holders_left_out > 0)
    TextBuffer(finding.note, sizeof finding.note) << request.state.holders_left_out << " more holders are not shown";
  return finding;
}

// Adds the stacks. False: what the finding is about has ended meanwhile.
bool Reporter::capture(const ReportRequest& request, Finding& finding) {
  finding.holder_count = stack_collector_.capture_holders(request, holders_);
  finding.waiter_count = stack_collector_.capture_waiters(request, waiters_);
  return is_still_true(finding);
}

// What the first line tells was true a moment ago. Where the threads are by now is another story.
void Reporter::keep_what_was_said(const ReportRequest& request, const Finding& described, Finding& finding) {
  stack_collector_.describe_again(request, holders_, waiters_);
  finding.holder_count = described.holder_count;
  finding.waiter_count = described.waiter_count;
  TextBuffer(finding.note, sizeof finding.note) << "it ended while this report was being written";
}

// A hold that ended before it could be captured was never blamed: what the releasing thread left makes a late report.
Phase Reporter::told_phase(const ReportRequest& request) const {
  const bool untold_end = request.phase == Phase::released && !reported_.has(request.episode);
  return untold_end && is_about_holds(request.event) && request.ended != nullptr ? Phase::late : request.phase;
}

void Reporter::say_filter_once() {
  if (!calls_filtered() || filter_said_) return;
  filter_said_ = true;
  write_plain_notice(
      "the program has installed a seccomp filter: from now on reports go to standard error only, without names and "
      "without the holder's position");
}

bool Reporter::finish(uint64_t until_ns) {
  if (!running_.load()) return true;
  finishing_.store(1, std::memory_order_release);
  for (uint64_t now_ns = monotonic_ns(); parked_.load(std::memory_order_acquire) == 0 && now_ns < until_ns;
       now_ns = monotonic_ns()) {
    wake(report_queue().posted_word());
    sleep_on(parked_, 0, std::min<uint64_t>(until_ns - now_ns, 1'000'000));
  }
  return parked_.load(std::memory_order_acquire) != 0;
}

void Reporter::stop() {
  if (!running_.load()) return;
  constexpr uint64_t kLookAgainNs = 100'000'000;
  stopping_.store(true, std::memory_order_relaxed);
  finishing_.store(1, std::memory_order_release);
  wake(report_queue().posted_word());
  while (parked_.load(std::memory_order_acquire) == 0) sleep_on(parked_, 0, kLookAgainNs);
  libc().pthread_join(thread_, nullptr);
  reset();
}

// The loader takes locks of the program's, once: if it is done before the program's second thread runs, nothing that the
// program does from then on can stop a report. It takes about two milliseconds. The calling thread may hold one of those locks
// (a constructor in dlopen makes threads), and then the reporter sleeps in a futex call.
void Reporter::wait_unless_stuck(uint64_t timeout_ns) const {
  constexpr uint64_t kSliceNs = 10'000'000;
  SyscallFile before{}, now{};
  for (uint64_t slice = 0; slice < timeout_ns / kSliceNs && !wait_for_reporter_loaded(kSliceNs); ++slice) {
    const int tid = tid_.load();
    if (tid == 0 || read_syscall_file(tid, &now) != 0) continue;
    const bool sleeps = now.kind == SyscallFile::Kind::in_call && now.call.known && now.call.number == SYS_futex;
    if (sleeps && before.kind == now.kind && before.call.arguments[0] == now.call.arguments[0]) return;
    before = sleeps ? now : SyscallFile{};
  }
}

void Reporter::reset() {
  running_.store(false);
  reporter_loading_ends();
  busy_.store(false);
  tid_.store(0);
  finishing_.store(0);
  stopping_.store(false);
  parked_.store(0);
  report_queue().reset();
  stack_collector_.give_back();
  // A new one is made, and the old one's memory is left alone.
  symbolizer_ = {};
}

}  // namespace

int reporter_start(const Settings& settings) {
  return g_reporter.start(settings);
}

void reporter_reserve() {
  g_reporter.reserve();
}

void reporter_await_loaded() {
  g_reporter.wait_unless_stuck(kThreadNs);
}

bool reporter_finish(uint64_t until_ns) {
  return g_reporter.finish(until_ns);
}

void reporter_stop() {
  g_reporter.stop();
}

void reporter_before_fork() {
  g_reporter.wait_unless_stuck(kForkNs);
}

void reporter_after_fork() {
  if (g_reporter.is_busy()) abandon_symbolizer();
  g_reporter.reset();
}

}  // namespace holdwatch
