// The first lines of deadlocks: once around the cycle, or how it goes on.
// Pure.
#include <fmt/format.h>

#include <algorithm>

#include "symbolizer/report/headline.h"
#include "symbolizer/report/headline_parts.h"
#include "symbolizer/report/text_format.h"

namespace holdwatch {
namespace {

// How long all of the cycle's threads have waited for each other; 0 if that is not known.
uint64_t cycle_age(const Report& report) {
  uint64_t youngest_ns = report.cycle.empty() ? 0 : UINT64_MAX;
  for (const ReportCycleStep& step : report.cycle) youngest_ns = std::min(youngest_ns, step.waited_ns);
  return youngest_ns;
}

std::string for_so_long(const Report& report, std::string_view before) {
  const uint64_t age_ns = cycle_age(report);
  const bool since_before = std::all_of(report.cycle.begin(), report.cycle.end(),
                                        [](const ReportCycleStep& step) { return step.before_attach; });
  if (age_ns == 0) return "";
  return fmt::format("{}{}{}", before, format_duration(age_ns), since_before ? kSinceBefore : "");
}

constexpr size_t kShownOfCircle = 4;

// "L1, L2 and L3"
std::string cycle_locks(const Report& report) {
  std::string text;
  for (size_t i = 0; i < report.cycle.size(); ++i) {
    if (i == kShownOfCircle) return text + fmt::format(" and {} more", report.cycle.size() - i);
    if (i > 0) text += i + 1 == report.cycle.size() ? " and " : ", ";
    text += report.cycle[i].holds;
  }
  return text;
}

std::string others_wait(const Report& report) {
  const size_t count = waiting_threads(report);
  if (count == 0) return "no other waiters";
  return count_of(count, "other thread waits", "other threads wait");
}

std::string others_lost(const Report& report) {
  return report.threads_delayed == 0 ? "no other waiters seen" : lost(report);
}

// Who holds what and waits for what, once around.
std::string cycle(const Report& report) {
  std::string text;
  for (size_t i = 0; i < report.cycle.size(); ++i) {
    const ReportCycleStep& step = report.cycle[i];
    if (i == kShownOfCircle) return text + fmt::format(", and {} more", report.cycle.size() - i);
    const std::string who = thread_label(step.tid, i < report.holders.size() ? report.holders[i].thread : "");
    text += fmt::format("{}{} holds {} and waits for {}", i == 0 ? "" : ", ", who, step.holds, step.waits_for);
  }
  return text;
}

std::string likely_word(const Report& report) {
  const bool likely = std::any_of(report.holders.begin(), report.holders.end(),
                                  [](const ReportHolder& holder) { return holder.likely; });
  return likely ? "likely " : "";
}

}  // namespace

std::string deadlock_headline(const Report& report) {
  if (report.cycle.empty())
    return fmt::format("{}deadlock of {}; {}", likely_word(report), lock_label(report), others_wait(report));
  switch (report.phase) {
    case Phase::over:
    case Phase::late:
    case Phase::snapshot:
      break;
    case Phase::still:
      return fmt::format("{}deadlock of {} continues{}; {}", likely_word(report), cycle_locks(report),
                         for_so_long(report, ", "), others_wait(report));
    case Phase::released:
      return fmt::format("the deadlock of {} is over{}; {}", cycle_locks(report), for_so_long(report, ", after "),
                         others_lost(report));
  }
  return fmt::format("{}deadlock of {}{}: {}; {}", likely_word(report),
                     count_of(report.cycle.size(), "thread", "threads"), for_so_long(report, " for "), cycle(report),
                     others_wait(report));
}

std::string self_deadlock_headline(const Report& report) {
  switch (report.phase) {
    case Phase::over:
    case Phase::late:
    case Phase::snapshot:
      break;
    case Phase::still:
      return fmt::format("{} still waits for {}, which it holds itself{}; {}", first_holder(report), report.lock_id,
                         for_so_long(report, ", "), others_wait(report));
    case Phase::released:
      return fmt::format("{} no longer waits for {}, which it held itself{}; {}", first_holder(report), report.lock_id,
                         for_so_long(report, ", after "), others_lost(report));
  }
  const std::string waited = for_so_long(report, "has waited ");
  return fmt::format("{} {} {}, which it {}holds itself{}; {}", thread_first_holder(report),
                     waited.empty() ? "waits for" : waited + " for", lock_label(report), likely_word(report),
                     report.holders.empty() ? "" : held_for(report.lock_kind, report.holders.front().access),
                     others_wait(report));
}

}  // namespace holdwatch
