// See headline.h.
#include "symbolizer/report/headline.h"

#include <fmt/format.h>

#include <algorithm>

#include "symbolizer/report/headline_parts.h"
#include "symbolizer/report/report_names.h"
#include "symbolizer/report/text_format.h"

namespace holdwatch {
namespace {

std::string limit(const Report& report) {
  return report.limit_ns == 0 ? "" : fmt::format(" (limit {})", format_duration(report.limit_ns));
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
  if (count == 0) return "no waiters";
  std::string text = count_of(count, "thread waits", "threads wait");
  if (with_longest && !report.waiters.empty() && report.waiters.front().longest_ns > 0) {
    text += fmt::format(", {}{}", count == 1 ? "" : "longest ", format_duration(report.waiters.front().longest_ns));
  }
  return text;
}

std::string_view since_before(const Report& report) {
  if (report.holders.empty()) return "";
  if (report.holders.front().before_attach) return kSinceBefore;
  return report.holders.front().unseen || report.holders.front().elsewhere ? " at least" : "";
}

// Behind "which may have exited", where the sentence goes on.
std::string_view end_of_clause(const Report& report) {
  return !report.holders.empty() && report.holders.front().elsewhere && report.holders.front().pid == 0 ? "," : "";
}

std::string hold_over(const Report& report) {
  const bool likely = !report.holders.empty() && report.holders.front().likely;
  const Access access = report.holders.empty() ? Access::exclusive : report.holders.front().access;
  return fmt::format("{}{}{} {} {}held {}{}{}{}{}; {}", thread_first_holder(report), other_holders(report),
                     end_of_clause(report), report.holders.size() > 1 ? "have" : "has", likely ? "likely " : "",
                     lock_label(report), held_for(report.lock_kind, access),
                     (report.holders.size() > 1 ? ", longest " : " ") + format_duration(longest_hold(report)),
                     since_before(report), limit(report), waiting(report, true));
}

// Whether the holder moved since the last report. One that works or sleeps in a loop comes back to the same place: only
// one that has not run at all is called frozen.
std::string movement(const ReportHolder& holder) {
  if (!holder.moved) return "its current position is unknown";
  if (*holder.moved) return "moved: now " + activity(holder);
  if (holder.state == ThreadState::running) return "same stack (running)";
  if (!holder.ran) return "same stack";
  return *holder.ran ? "same stack, but it ran in between" : "same stack (frozen)";
}

std::string hold_still(const Report& report) {
  std::string text = fmt::format("{} still held by {}{}, {}", report.lock_id, first_holder(report),
                                 other_holders(report), format_duration(longest_hold(report)));
  if (!report.holders.empty()) text += "; " + movement(report.holders.front());
  return text + "; " + waiting(report, false);
}

std::string hold_released(const Report& report) {
  return fmt::format("{} released by {}{}{} after {}; {}", report.lock_id, first_holder(report), other_holders(report),
                     end_of_clause(report), format_duration(longest_hold(report)), lost(report));
}

std::string hold_late(const Report& report) {
  const Access access = report.holders.empty() ? Access::exclusive : report.holders.front().access;
  const char* const when = report.was_said_plainly ? "released before the full report" : "detected only at release";
  return fmt::format("{} held {}{} {}{}; {}; {}", thread_first_holder(report), lock_label(report),
                     held_for(report.lock_kind, access), format_duration(longest_hold(report)), limit(report), when,
                     lost(report));
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
  if (report.waiters.empty() || report.waiters.front().tids.empty()) return "an unknown thread";
  const ReportWaiters& group = report.waiters.front();
  return thread_label(group.tids.front(), group.threads.empty() ? "" : group.threads.front());
}

std::string thread_first_waiter(const Report& report) {
  const bool is_known = !report.waiters.empty() && !report.waiters.front().tids.empty();
  return (is_known ? "thread " : "") + first_waiter(report);
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
  if (report.holders.empty()) return "; holder unknown";
  const std::string who = fmt::format("; {}now held by {}{}", report.holders.front().likely ? "likely " : "",
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
  const std::string who = first_waiter(report), thread = thread_first_waiter(report);
  const std::string how_long = format_duration(longest_wait(report));
  switch (report.phase) {
    case Phase::over:
      return fmt::format("{} has waited {} for {}{}{}{}{}", thread, how_long, lock_label(report), waits_to(report),
                         limit(report), held_by(report), more_waiters(report));
    case Phase::still:
      return fmt::format("{} still waits for {}, {}{}{}", who, report.lock_id, how_long, held_by(report),
                         more_waiters(report));
    case Phase::released:
      if (report.waiters.empty()) return fmt::format("the long wait for {} is over; {}", report.lock_id, lost(report));
      return fmt::format("{} no longer waits for {}, after {}; {}", who, report.lock_id, how_long, lost(report));
    case Phase::late:
      return fmt::format("{} waited {} for {}{}{}; detected only after it ended", thread, how_long, lock_label(report),
                         waits_to(report), limit(report));
    case Phase::snapshot:
      return fmt::format("snapshot: {} {} for {}{}{}{}", thread, has_waited(report), lock_label(report),
                         waits_to(report), held_by(report), more_waiters(report));
  }
  return "";
}

// The first that has ended: others may hold the lock beside it, for reading.
const ReportHolder* ended_holder(const Report& report) {
  const auto ended = std::find_if(report.holders.begin(), report.holders.end(),
                                  [](const ReportHolder& holder) { return holder.state == ThreadState::gone; });
  if (ended != report.holders.end()) return &*ended;
  return report.holders.empty() ? nullptr : &report.holders.front();
}

// ", 700 ms so far"; nothing where it is not known, as from outside.
std::string held_so_far(uint64_t held_ns) {
  return held_ns == 0 ? "" : fmt::format(", {} so far", format_duration(held_ns));
}

std::string abandoned(const Report& report) {
  const ReportHolder* holder = ended_holder(report);
  if (holder == nullptr) return fmt::format("{} was left locked; {}", lock_label(report), waiting(report, true));
  const std::string who = thread_label(holder->tid, holder->thread);
  switch (report.phase) {
    case Phase::over:
    case Phase::late:
    case Phase::snapshot:
      break;
    case Phase::still:
      return fmt::format("{} still held by {}, which has exited, {}; {}", report.lock_id, who,
                         format_duration(holder->held_ns), waiting(report, false));
    case Phase::released:
      return fmt::format("{}, which {} held when it exited, was released after {}; {}", report.lock_id, who,
                         format_duration(holder->held_ns), lost(report));
  }
  return fmt::format("thread {} exited while holding {}{}{}{}; {}", who, lock_label(report),
                     held_for(report.lock_kind, holder->access), held_so_far(holder->held_ns), limit(report),
                     waiting(report, true));
}

std::string lock_order(const Report& report) {
  if (report.edges.empty()) return fmt::format("lock order: {} is taken in conflicting orders", lock_label(report));
  std::string text = "locks are taken in conflicting orders, which can deadlock";
  const char* separator = ": ";
  for (const ReportOrderEdge& edge : report.edges) {
    text += fmt::format("{}{} took {}, then {}", separator, edge.tid, edge.first, edge.then);
    separator = ", ";
  }
  return text;
}

}  // namespace

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
      return doing.empty() || doing == "stopped" ? "stopped" : "stopped in " + doing;
    case ThreadState::gone:
      return "gone: the thread has exited";
    case ThreadState::unknown:
      return doing.empty() ? "unknown" : doing;
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
      return deadlock_headline(report);
    case Event::self_deadlock:
      return self_deadlock_headline(report);
    case Event::abandoned:
      return abandoned(report);
    case Event::fork_orphan:
      return fmt::format("{} can never be acquired in this process: {} held it in the parent process at the fork; {}",
                         lock_label(report), first_holder(report), waiting(report, true));
    case Event::lock_order:
      return lock_order(report);
    case Event::read_recursion:
      return fmt::format(
          "{} read-locks {} again while holding it for reading: deadlocks if a writer starts to wait in between",
          thread_first_holder(report), lock_label(report));
  }
  return "";
}

}  // namespace holdwatch
