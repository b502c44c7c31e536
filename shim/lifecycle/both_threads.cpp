// See both_threads.h.
#include "shim/lifecycle/both_threads.h"

#include <atomic>

#include "shim/base/clock.h"
#include "shim/base/libc_functions.h"
#include "shim/base/libc_threads.h"
#include "shim/base/os.h"
#include "shim/base/thread_mode.h"
#include "shim/inspection/capture.h"
#include "shim/inspection/inferred_holds.h"
#include "shim/inspection/pid_namespace.h"
#include "shim/own_threads/own_thread.h"
#include "shim/own_threads/seccomp_state.h"
#include "shim/own_threads/standard_error.h"
#include "shim/record/current_record.h"
#include "shim/record/ended_holds.h"
#include "shim/record/spare_memory.h"
#include "shim/record/thread_table.h"
#include "shim/reporter/report_callback.h"
#include "shim/reporter/reporter.h"
#include "shim/timing/timing.h"
#include "shim/watch/watcher.h"

namespace holdwatch {
namespace {

// How much longer exit() may take because of us: first for what the reporter can still write, then for short reports.
constexpr uint64_t kLastReportsNs = 3'000'000;
constexpr uint64_t kFinalReportsNs = 1'000'000;

enum class Begun : uint32_t { no, under_way, yes, failed };
std::atomic<Begun> g_begun{Begun::no};
std::atomic<bool> g_ended{false};

bool start_both(const Settings& settings) {
  return g_libc_thread_count != nullptr && reporter_start(settings) == 0 && watcher_start(settings) == 0;
}

}  // namespace

void watch_begin(const Settings& settings) {
  Begun expected = Begun::no;
  if (!g_begun.compare_exchange_strong(expected, Begun::under_way)) return;
  take_filters_over();
  const bool begun = start_both(settings);
  if (!begun) {
    stop_tick();
    print_message(are_threads_refused()
                      ? "cannot start holdwatch's threads: after unshare(CLONE_NEWPID) the kernel refuses new threads; "
                        "the program runs unwatched"
                      : "cannot start holdwatch's threads: no thread or memory available; the program runs unwatched");
  }
  g_begun.store(begun ? Begun::yes : Begun::failed);
}

bool watch_is_on() {
  return g_begun.load() == Begun::yes;
}

void watch_stop() {
  if (g_begun.load() == Begun::no) return;
  watcher_stop();
  reporter_stop();
  stop_tick();
  drop_ended_holds();
  forget_inferred();
  watcher_reset();
  g_begun.store(Begun::no);
}

void watch_prepare_for_filter(const Settings& settings) {
  refill_spares(settings.stacks != Stacks::callsite);
  refill_records();
  if (g_begun.load() != Begun::no) return;
  reserve_own_stacks({kWatcherStackSize, kReporterStackSize});
  reporter_reserve();
}

void watch_after_fork() {
  own_stacks_after_fork();
  inferred_after_fork();
  stop_tick();
  watcher_after_fork();
  reporter_after_fork();
  g_begun.store(Begun::no);
  g_ended.store(false);
  capture_no_more_of(0);
}

void watch_await_loaded() {
  if (watch_is_on()) reporter_await_loaded();
}

void watch_end() {
  if (!watch_is_on() || g_ended.exchange(true)) return;
  const Inside inside;
  capture_no_more_of(current_tid());
  const uint64_t until_ns = monotonic_ns() + kLastReportsNs;
  // The closing line of a hold that has just ended has yet to be written.
  watcher_scan_now(kLastReportsNs);
  if (!reporter_finish(until_ns)) watcher_write_final_reports(kFinalReportsNs);
  close_report_callback();
}

}  // namespace holdwatch
