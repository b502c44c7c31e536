// See reporter.h: the thread from start to end, and what it does when idle.
#include "shim/reporter/reporter.h"

#include <pthread.h>
#include <sys/syscall.h>

#include <algorithm>
#include <atomic>
#include <cerrno>

#include "shim/base/clock.h"
#include "shim/base/libc_functions.h"
#include "shim/base/os.h"
#include "shim/common/kernel/system_call.h"
#include "shim/handoff/report_request.h"
#include "shim/handoff/reporter_start.h"
#include "shim/inspection/capture.h"
#include "shim/inspection/futex_sleeper.h"
#include "shim/own_threads/loader_use.h"
#include "shim/own_threads/own_thread.h"
#include "shim/own_threads/seccomp_state.h"
#include "shim/reporter/clean_pages.h"
#include "shim/reporter/report_maker.h"
#include "shim/reporter/report_output.h"
#include "shim/reporter/writing.h"

namespace holdwatch {

namespace {

constexpr uint64_t kFlushAfterNs = kNanosecondsPerSecond;
constexpr uint64_t kTrimAfterNs = 60 * kNanosecondsPerSecond;
constexpr uint64_t kNoTimeoutNs = 3600 * kNanosecondsPerSecond;
constexpr uint64_t kNever = UINT64_MAX;
// How long exit() waits for lines of which a part may be written already. Files take microseconds, unless a disk is full.
constexpr uint64_t kWritingNs = 250'000'000;
// How long the program's threads wait for us, in the first pthread_create.
constexpr uint64_t kThreadNs = 300'000'000;

class Reporter {
 public:
  int start(const Settings& settings);
  void run();
  bool reserve() { return report_queue().start() && maker_.start(); }
  bool finish(uint64_t until_ns);
  void stop();
  void await_loaded(uint64_t timeout_ns) const;
  void reset();
  bool is_busy() const { return busy_.load(); }

 private:
  void load();
  void leave_loader();
  void work_or_sleep(uint32_t posted);
  void flush();
  void trim();
  void sample();

  const Settings* settings_ = nullptr;
  ReportOutput output_;
  ReportMaker maker_;
  // CLOCK_MONOTONIC, set by start(): when reports that were left out are counted in a line, and when memory that the next report
  // can allocate again is freed. (This object is all zero at first, so that it takes no space in the file.)
  uint64_t flush_due_ns_ = 0;
  uint64_t trim_due_ns_ = 0;
  pthread_t thread_{};  // once it has been started
  std::atomic<bool> running_{false};
  std::atomic<bool> busy_{false};  // may be calling the symbolizer or loading it
  std::atomic<int> tid_{0};
  std::atomic<uint32_t> finishing_{0};
  std::atomic<bool> stopping_{false};  // ending although the process does not exit
  std::atomic<uint32_t> parked_{0};
};

constinit Reporter g_reporter;

constexpr OwnThread kReporterThread = {"holdwatch-rep", [] { g_reporter.run(); }, kReporterStackSize};

int Reporter::start(const Settings& settings) {
  settings_ = &settings;
  flush_due_ns_ = trim_due_ns_ = kNever;
  if (!reserve()) return ENOMEM;
  running_.store(true);
  reporter_loading_begins();
  busy_.store(true);
  const int error = start_own_thread(kReporterThread, &thread_);
  if (error != 0) running_.store(false), reporter_loading_ends(), busy_.store(false);
  return error;
}

void Reporter::load() {
  const LoaderUse loader(LoaderUser::reporter);
  const SystemCallScope calls;
  if (calls_filtered()) return leave_loader();
  tid_.store(static_cast<int>(system_call(SYS_gettid)));
  output_.open(*settings_);
  leave_loader();
  capture_start(settings_->signal);
  drop_clean_pages();
}

// Threads that wait for the loading continue: what is left to do needs none of the program's locks, and not the
// symbolizer.
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
      maker_.process(*request, output_);
      queue.done(*request);
      flush_due_ns_ = monotonic_ns() + kFlushAfterNs;
      trim_due_ns_ = monotonic_ns() + kTrimAfterNs;
      continue;
    }
    if (finishing_.load(std::memory_order_acquire) != 0) break;
    work_or_sleep(posted);
  }
  output_.flush(true);
  const bool ends = stopping_.load(std::memory_order_relaxed);
  if (ends) output_.close();
  busy_.store(false);
  parked_.store(1, std::memory_order_release);
  wake(parked_);
  if (!ends) rest_forever();  // the process is about to end
}

// One thing at a time: what is posted meanwhile comes first.
void Reporter::work_or_sleep(uint32_t posted) {
  const uint64_t now_ns = monotonic_ns();
  const uint64_t sample_due_ns = maker_.sample_due_ns();
  const uint64_t due_ns = std::min({sample_due_ns, flush_due_ns_, trim_due_ns_});
  if (now_ns < due_ns) {
    busy_.store(false);
    sleep_on(report_queue().posted_word(), posted, std::min(due_ns - now_ns, kNoTimeoutNs));
    busy_.store(true);
  } else if (due_ns == flush_due_ns_) {
    flush();
  } else if (due_ns == trim_due_ns_) {
    trim();
  } else {
    sample();
  }
}

void Reporter::flush() {
  const uint64_t after_ns = output_.flush(false);
  flush_due_ns_ = after_ns == kNever ? kNever : monotonic_ns() + after_ns;
}

void Reporter::trim() {
  output_.trim();
  trim_due_ns_ = kNever;
}

// What a sample has brought back into memory is freed later.
void Reporter::sample() {
  maker_.sample(output_);
  if (trim_due_ns_ == kNever) trim_due_ns_ = monotonic_ns() + kTrimAfterNs;
}

bool Reporter::finish(uint64_t until_ns) {
  if (!running_.load()) return true;
  finishing_.store(1, std::memory_order_release);
  for (uint64_t now_ns = monotonic_ns(); parked_.load(std::memory_order_acquire) == 0 && now_ns < until_ns;
       now_ns = monotonic_ns()) {
    wake(report_queue().posted_word());
    sleep_on(parked_, 0, std::min<uint64_t>(until_ns - now_ns, 1'000'000));
  }
  if (parked_.load(std::memory_order_acquire) == 0) await_written_at_exit(monotonic_ns() + kWritingNs);
  return parked_.load(std::memory_order_acquire) != 0;
}

void Reporter::stop() {
  if (!running_.load()) return;
  constexpr uint64_t kPollIntervalNs = 100'000'000;
  stopping_.store(true, std::memory_order_relaxed);
  finishing_.store(1, std::memory_order_release);
  wake(report_queue().posted_word());
  while (parked_.load(std::memory_order_acquire) == 0) sleep_on(parked_, 0, kPollIntervalNs);
  libc().pthread_join(thread_, nullptr);
  reset();
}

// The loader takes locks of the program once: if that is over before the program's second thread runs, nothing that the
// program does afterwards can block a report. It takes about two milliseconds. The calling thread may hold one of those
// locks (a constructor in dlopen that creates threads); then the reporter sleeps in a futex call.
void Reporter::await_loaded(uint64_t timeout_ns) const {
  wait_unless_stuck(
      timeout_ns, [this] { return tid_.load(); }, wait_for_reporter_loaded);
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
  maker_.reset();
  output_.forget();
  writing_reset();
}

}  // namespace

int reporter_start(const Settings& settings) {
  return g_reporter.start(settings);
}

void reporter_reserve() {
  g_reporter.reserve();
}

void reporter_await_loaded() {
  g_reporter.await_loaded(kThreadNs);
}

bool reporter_finish(uint64_t until_ns) {
  return g_reporter.finish(until_ns);
}

void reporter_stop() {
  g_reporter.stop();
}

void reporter_after_fork() {
  if (g_reporter.is_busy()) abandon_symbolizer();
  g_reporter.reset();
}

}  // namespace holdwatch
