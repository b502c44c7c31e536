// See headline.h.
#include "symbolizer/report/headline.h"

#include <fmt/format.h>

#include <algorithm>

#include "symbolizer/report/report_names.h"
#include "symbolizer/report/text_format.h"

namespace holdwatch {
namespace {

constexpr std::string_view kSinceBefore = " at least, since before the attachment";

std::string lock_label(const Report& report) {
  return fmt::format("{} {}", kind_name(report.lock_kind), report.lock_id);
}

// What a mode is called depends on whether the lock has two.
std::string held_for(LockKind kind, Access access) {
  if (kind == LockKind::mutex) return "";
  return access == Access::shared ? " for reading" : " for writing";
}

std::string limit(const Report& report) {
  return report.limit_ns == 0 ? "" : fmt::format(" (limit {})", format_duration(report.limit_ns));
}

std::string first_holder(const Report& report) {
  if (report.holders.empty()) return "a thread that is not known";
  const ReportHolder& holder = report.holders.front();
  return thread_label(holder.tid, holder.thread);
}

// " and 2 more readers"; nothing for the usual single holder.
std::string other_holders(const Report& report) {
  if (report.holders.size() < 2) return "";
  const bool readers = report.lock_kind == LockKind::rwlock && report.holders.front().access == Access::shared;
  return " and " + (readers ? count_of(report.holders.size() - 1, "more reader", "more readers")
                            : count_of(report.holders.size() - 1, "more thread", "more threads"));
}

uint64_t longest_hold(const Report& report) {
  return report.holders.empty() ? 0 : report.holders.front().held_ns;
}

std::string waiting(const Report& report, bool with_longest) {
  const size_t count = waiting_threads(report);
  if (count == 0) return "nobody waits";
  std::string text = count_of(count, "thread waits", "threads wait");
  if (with_longest && !report.waiters.empty() && report.waiters.front().longest_ns > 0) {
    text += fmt::format(", {}{}", count == 1 ? "" : "longest ", format_duration(report.waiters.front().longest_ns));
  }
  return text;
}

// What the hold cost the others.
std::string lost(const Report& report) {
  if (report.threads_delayed == 0 && report.lost_ns == 0) return "nobody was seen waiting";
  const std::string who =
      report.threads_delayed == 0 ? "others" : count_of(report.threads_delayed, "thread", "threads");
  return fmt::format("{} lost {} waiting", who, format_duration(report.lost_ns));
}

std::string_view since_before(const Report& report) {
  return !report.holders.empty() && report.holders.front().before_attach ? kSinceBefore : "";
}

std::string hold_over(const Report& report) {
  const bool likely = !report.holders.empty() && report.holders.front().likely;
  const Access access = report.holders.empty() ? Access::exclusive : report.holders.front().access;
  return fmt::format("thread {}{} {} {}held {}{}{}{}{}; {}", first_holder(report), other_holders(report),
                     report.holders.size() > 1 ? "have" : "has", likely ? "likely " : "", lock_label(report),
                     held_for(report.lock_kind, access),
                     (report.holders.size() > 1 ? ", longest " : " ") + format_duration(longest_hold(report)),
                     since_before(report), limit(report), waiting(report, true));
}

// Whether the holder moved since the last report. One that works or sleeps in a loop comes back to the same place: only
// one that has not run at all is called frozen.
std::string movement(const ReportHolder& holder) {
  if (!holder.moved) return "where it is now is not known";
  if (*holder.moved) return "moved since: now " + activity(holder);
  if (holder.state == ThreadState::running) return "same place as before (running)";
  if (!holder.ran) return "same place as before";
  return *holder.ran ? "same place as before, but it ran in between" : "same place as before (frozen)";
}

std::string hold_still(const Report& report) {
  std::string text = fmt::format("{} still held by {}{}, {}", report.lock_id, first_holder(report),
                                 other_holders(report), format_duration(longest_hold(report)));
  if (!report.holders.empty()) text += "; " + movement(report.holders.front());
  return text + "; " + waiting(report, false);
}

std::string hold_released(const Report& report) {
  return fmt::format("{} released by {}{} after {}; {}", report.lock_id, first_holder(report), other_holders(report),
                     format_duration(longest_hold(report)), lost(report));
}

std::string hold_late(const Report& report) {
  const Access access = report.holders.empty() ? Access::exclusive : report.holders.front().access;
  return fmt::format("thread {} held {}{} {}{}; the hold ended before it was seen; {}", first_holder(report),
                     lock_label(report), held_for(report.lock_kind, access), format_duration(longest_hold(report)),
                     limit(report), lost(report));
}

std::string hold(const Report& report) {
  switch (report.phase) {
    case Phase::over:
      return hold_over(report);
    case Phase::still:
      return hold_still(report);
    case Phase::released:
      return hold_released(report);
    case Phase::late:
      return hold_late(report);
    case Phase::snapshot:
      return "snapshot: " + hold_over(report);
  }
  return "";
}

// A waiter is named by the first of the group that waits longest.
std::string first_waiter(const Report& report) {
  if (report.waiters.empty() || report.waiters.front().tids.empty()) return "a thread that is not known";
  const ReportWaiters& group = report.waiters.front();
  return thread_label(group.tids.front(), group.threads.empty() ? "" : group.threads.front());
}

uint64_t longest_wait(const Report& report) {
  return report.waiters.empty() ? 0 : report.waiters.front().longest_ns;
}

std::string waits_to(const Report& report) {
  if (report.lock_kind == LockKind::mutex || report.waiters.empty()) return "";
  return report.waiters.front().access == Access::shared ? " to read" : " to write";
}

std::string more_waiters(const Report& report) {
  const size_t count = waiting_threads(report);
  return count < 2 ? "" : "; " + count_of(count - 1, "more thread waits", "more threads wait");
}

std::string held_by(const Report& report) {
  if (report.holders.empty()) return "; no holder is known";
  const std::string who = fmt::format("; {}held now by {}{}", report.holders.front().likely ? "likely " : "",
                                      first_holder(report), other_holders(report));
  if (longest_hold(report) == 0) return who;
  return fmt::format("{}, {}{}", who, report.holders.size() > 1 ? "longest " : "",
                     format_duration(longest_hold(report)));
}

// What is seen once, from outside, may have begun at any time.
std::string has_waited(const Report& report) {
  const uint64_t ns = longest_wait(report);
  return ns == 0 ? "waits" : "has waited " + format_duration(ns);
}

std::string wait(const Report& report) {
  const std::string who = first_waiter(report);
  const std::string how_long = format_duration(longest_wait(report));
  switch (report.phase) {
    case Phase::over:
      return fmt::format("thread {} has waited {} for {}{}{}{}{}", who, how_long, lock_label(report), waits_to(report),
                         limit(report), held_by(report), more_waiters(report));
    case Phase::still:
      return fmt::format("{} still waits for {}, {}{}{}", who, report.lock_id, how_long, held_by(report),
                         more_waiters(report));
    case Phase::released:
      if (report.waiters.empty()) return fmt::format("the long wait for {} is over; {}", report.lock_id, lost(report));
      return fmt::format("{} waits no longer for {}, after {}; {}", who, report.lock_id, how_long, lost(report));
    case Phase::late:
      return fmt::format("thread {} waited {} for {}{}{}; the wait ended before it was seen", who, how_long,
                         lock_label(report), waits_to(report), limit(report));
    case Phase::snapshot:
      return fmt::format("snapshot: thread {} {} for {}{}{}{}", who, has_waited(report), lock_label(report),
                         waits_to(report), held_by(report), more_waiters(report));
  }
  return "";
}

// How long all of the circle's threads have waited for each other; 0 if that is not known.
uint64_t circle_age(const Report& report) {
  uint64_t youngest_ns = report.cycle.empty() ? 0 : UINT64_MAX;
  for (const ReportCycleStep& step : report.cycle) youngest_ns = std::min(youngest_ns, step.waited_ns);
  return youngest_ns;
}

std::string for_so_long(const Report& report, std::string_view before) {
  const uint64_t age_ns = circle_age(report);
  const bool since_before = std::all_of(report.cycle.begin(), report.cycle.end(),
                                        [](const ReportCycleStep& step) { return step.before_attach; });
  if (age_ns == 0) return "";
  return fmt::format("{}{}{}", before, format_duration(age_ns), since_before ? kSinceBefore : "");
}

constexpr size_t kShownOfCircle = 4;

// "L1, L2 and L3"
std::string circle_locks(const Report& report) {
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
  if (count == 0) return "nobody else waits";
  return count_of(count, "other thread waits", "other threads wait");
}

std::string others_lost(const Report& report) {
  return report.threads_delayed == 0 ? "nobody else waited" : lost(report);
}

// Who holds what and waits for what, once around.
std::string circle(const Report& report) {
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

std::string deadlock(const Report& report) {
  if (report.cycle.empty())
    return fmt::format("{}deadlock of {}; {}", likely_word(report), lock_label(report), others_wait(report));
  switch (report.phase) {
    case Phase::over:
    case Phase::late:
    case Phase::snapshot:
      break;
    case Phase::still:
      return fmt::format("{}deadlock of {} goes on{}; {}", likely_word(report), circle_locks(report),
                         for_so_long(report, ", "), others_wait(report));
    case Phase::released:
      return fmt::format("the deadlock of {} is over{}; {}", circle_locks(report), for_so_long(report, ", after "),
                         others_lost(report));
  }
  return fmt::format("{}deadlock of {}{}: {}; {}", likely_word(report),
                     count_of(report.cycle.size(), "thread", "threads"), for_so_long(report, " for "), circle(report),
                     others_wait(report));
}

std::string self_deadlock(const Report& report) {
  switch (report.phase) {
    case Phase::over:
    case Phase::late:
    case Phase::snapshot:
      break;
    case Phase::still:
      return fmt::format("{} still waits for {}, which it holds itself{}; {}", first_holder(report), report.lock_id,
                         for_so_long(report, ", "), others_wait(report));
    case Phase::released:
      return fmt::format("{} waits no longer for {}, which it held itself{}; {}", first_holder(report), report.lock_id,
                         for_so_long(report, ", after "), others_lost(report));
  }
  const std::string waited = for_so_long(report, "has waited ");
  return fmt::format("thread {} {} {}, which it {}holds itself{}: it can never get it; {}", first_holder(report),
                     waited.empty() ? "waits for" : waited + " for", lock_label(report), likely_word(report),
                     report.holders.empty() ? "" : held_for(report.lock_kind, report.holders.front().access),
                     others_wait(report));
}

std::string lock_order(const Report& report) {
  if (report.edges.empty()) return fmt::format("lock order: {} is taken in two orders", lock_label(report));
  std::string text = "locks are taken in different orders, which can deadlock";
  const char* separator = ": ";
  for (const ReportOrderEdge& edge : report.edges) {
    text += fmt::format("{}{} took {} and then {}", separator, edge.tid, edge.first, edge.then);
    separator = ", ";
  }
  return text;
}

}  // namespace

std::string thread_label(int tid, const std::string& name) {
  return name.empty() ? fmt::format("{}", tid) : fmt::format("{} {}", tid, quote(name));
}

size_t waiting_threads(const Report& report) {
  size_t count = report.waiters_left_out;
  for (const ReportWaiters& group : report.waiters) count += group.tids.size();
  return count;
}

std::string activity(const ReportHolder& holder) {
  const std::string doing = escape(holder.doing);
  if (!holder.waits_for.empty()) {
    if (doing.starts_with("waiting for " + holder.waits_for)) return doing;
    return "waits for " + holder.waits_for + (doing.empty() || doing == "running" ? "" : ", in " + doing);
  }
  switch (holder.state) {
    case ThreadState::running:
      return doing.empty() || doing == "running" ? "running" : "running: " + doing;
    case ThreadState::blocked:
      // Where the call is not known the description says "blocked" itself.
      return doing.empty() ? "blocked" : (doing.starts_with("blocked") ? "" : "blocked in ") + doing;
    case ThreadState::stopped:
      return doing.empty() ? "stopped" : "stopped in " + doing;
    case ThreadState::gone:
      return "gone: the thread has ended";
  }
  return doing;
}

std::string headline(const Report& report) {
  switch (report.event) {
    case Event::hold:
      return hold(report);
    case Event::wait:
      return wait(report);
    case Event::deadlock:
      return deadlock(report);
    case Event::self_deadlock:
      return self_deadlock(report);
    case Event::abandoned:
      return fmt::format("thread {} has ended while it held {}{}; {}", first_holder(report), lock_label(report),
                         report.holders.empty() ? "" : held_for(report.lock_kind, report.holders.front().access),
                         waiting(report, true));
    case Event::fork_orphan:
      return fmt::format("{} can never be had in this process: {} held it in the parent at the fork; {}",
                         lock_label(report), first_holder(report), waiting(report, true));
    case Event::lock_order:
      return lock_order(report);
    case Event::read_recursion:
      return fmt::format(
          "thread {} reads {} again while it holds it for reading: deadlocks as soon as a writer waits "
          "in between",
          first_holder(report), lock_label(report));
  }
  return "";
}

}  // namespace holdwatch
