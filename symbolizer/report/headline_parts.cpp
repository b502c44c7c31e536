// See headline_parts.h.
#include "symbolizer/report/headline_parts.h"

#include <fmt/format.h>

#include "symbolizer/report/headline.h"
#include "symbolizer/report/report_names.h"
#include "symbolizer/report/text_format.h"

namespace holdwatch {

std::string lock_label(const Report& report) {
  return fmt::format("{} {}", kind_name(report.lock_kind), report.lock_id);
}

std::string held_for(LockKind kind, Access access) {
  if (kind == LockKind::mutex) return "";
  return access == Access::shared ? " for reading" : " for writing";
}

std::string first_holder(const Report& report) {
  if (report.holders.empty()) return "an unknown thread";
  return holder_label(report.holders.front());
}

std::string thread_first_holder(const Report& report) {
  return (report.holders.empty() ? "" : "thread ") + first_holder(report);
}

std::string holder_label(const ReportHolder& holder) {
  const std::string label = thread_label(holder.tid, holder.thread);
  if (!holder.elsewhere) return label;
  if (holder.pid == 0) return label + " of another process, which may have exited";
  return fmt::format("{} of process {}", label, thread_label(holder.pid, holder.process));
}

std::string lost(const Report& report) {
  if (report.threads_delayed == 0 && report.lost_ns == 0) return "no waiters seen";
  const std::string who =
      report.threads_delayed == 0 ? "other threads" : count_of(report.threads_delayed, "thread", "threads");
  return fmt::format("{} lost {} waiting", who, format_duration(report.lost_ns));
}

std::string thread_label(int tid, const std::string& name) {
  return name.empty() ? fmt::format("{}", tid) : fmt::format("{} {}", tid, quote(name));
}

size_t waiting_threads(const Report& report) {
  size_t count = report.waiters_left_out;
  for (const ReportWaiters& group : report.waiters) count += group.tids.size();
  return count;
}

}  // namespace holdwatch
