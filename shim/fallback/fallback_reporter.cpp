// See fallback_reporter.h.
#include "shim/fallback/fallback_reporter.h"

#include <cstring>
#include <utility>

#include "shim/base/clock.h"
#include "shim/common/text/text_buffer.h"
#include "shim/fallback/plain_report.h"
#include "shim/handoff/reporter_start.h"

namespace holdwatch {
namespace {

// How long the reporter may take before the watcher writes a short report itself. If reports go to standard error, that is
// their place anyway; otherwise it must be almost certain that the reporter will not write them. So it must if there are rules
// of SUPPRESS: only the reporter can tell which reports they leave out.
constexpr uint64_t kTimeoutNs = 2 * kNanosecondsPerSecond;
constexpr uint64_t kLongTimeoutNs = 15 * kNanosecondsPerSecond;

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

void report_suppressed() {
  const uint64_t left_out = g_budget.take_left_out();
  if (left_out == 0) return;
  Line<128> text;
  text << left_out << (left_out == 1 ? " report" : " reports") << " suppressed (RATE=" << g_budget.lines() << ')';
  write_plain_notice(text);
}

// Not of condition waits: whether a rule asks for them is not known without the names of their functions.
bool has_short_form(const ReportRequest& request) {
  return request.state.lock != LockWord::condition_waits();
}

// Whether the caller is to write the request's first line.
bool claim(ReportRequest& request) {
  return has_short_form(request) && !request.first_line_written.exchange(true);
}

}  // namespace

bool reporter_is_stuck() {
  return g_reporter_is_stuck;
}

void write_short_report(const ReportRequest& request, uint64_t now_ns) {
  if (g_budget.is_over(now_ns)) report_suppressed();
  const bool closes_episode = request.phase == Phase::released && had_fallback_report(request.episode);
  if (closes_episode || g_budget.take(now_ns)) write_plain_first_line(request);
}

void FallbackReporter::start(const Settings& settings) {
  writes_to_standard_error_ = strcmp(settings.log, "stderr") == 0;
  const bool has_rules = settings.suppress[0] != '\0';
  timeout_ns_ = writes_to_standard_error_ && !has_rules ? kTimeoutNs : kLongTimeoutNs;
  set_plain_reports_wanted(strcmp(settings.log, "none") != 0);
  g_budget.start(settings.rate);
  g_reporter_is_stuck = false;
}

// The reporter may be stuck in the loader or the allocator, whose locks the stalled program may hold forever: the first line
// must be written anyway.
void FallbackReporter::report_for_stuck_reporter(uint64_t now_ns) {
  const auto is_late = [&](const ReportRequest& request) { return request.posted_ns + timeout_ns_ <= now_ns; };
  g_reporter_is_stuck = false;
  report_queue().for_each_posted([&](const ReportRequest& request) { g_reporter_is_stuck |= is_late(request); });
  if (!g_reporter_is_stuck) return;
  report_queue().for_each_posted([&](ReportRequest& request) {
    if (is_late(request) && claim(request)) write_short_report(request, now_ns);
  });
  explain_once();
}

void FallbackReporter::explain_once() {
  if (reason_written_ || wait_for_reporter_loaded(0)) return;
  reason_written_ = true;
  write_plain_notice(
      "reports are short and without names: the symbolizer cannot be loaded, because a lock of the loader or the "
      "allocator has been held since before holdwatch started");
}

void FallbackReporter::take_over(uint64_t now_ns) const {
  if (!writes_to_standard_error_) return;
  g_reporter_is_stuck = true;
  report_queue().for_each_posted([&](ReportRequest& request) {
    if (claim(request)) write_short_report(request, now_ns);
  });
}

void FallbackReporter::end(uint64_t now_ns) const {
  take_over(now_ns);
  if (writes_to_standard_error_) report_suppressed();
}

}  // namespace holdwatch
