// See wait_report.h.
#include "symbolizer/report/wait_report.h"

#include <algorithm>

#include "symbolizer/report/finding_text.h"

namespace holdwatch {
namespace {

// The waiters of this lock, and those on the way to the root.
void count_tree(Report& report) {
  report.tree_threads = report.waiters_left_out + report.chain.size() - 1;
  for (const ReportWaiters& group : report.waiters) report.tree_threads += group.tids.size();
  report.tree_lost_ns = report.lost_ns;
}

}  // namespace

std::optional<ReportWait> describe_wait(const Wait& wait, uint64_t waited_ns) {
  if (!wait.known) return std::nullopt;
  ReportWait described;
  described.kind = wait.kind;
  described.object = wait.object;
  described.waited_ns = waited_ns;
  described.has_timeout = wait.has_timeout;
  described.timeout_ns = wait.timeout_ns;
  for (uint32_t i = 0; i < wait.ender_count; ++i) {
    const Ender& ender = wait.enders[i];
    described.enders.push_back({ender.pid, ender.tid, bounded(ender.thread), ender.evidence});
  }
  return described;
}

void add_other_process(Report& report) {
  const std::optional<ReportWait>& last = report.chain.back().wait;
  if (!last || last->enders.size() != 1 || last->enders[0].pid == 0) return;
  const ReportEnder& process = last->enders[0];
  report.chain.push_back({process.pid, process.tid, process.thread, "", std::nullopt, ""});
}

// The chain was found from the holder to the root; a report begins with the root.
void add_chain(const Finding& finding, Report& report) {
  if (is_cycle(finding.event) || has_ended(finding.phase) || finding.holder_count != 1) return;
  const ReportHolder& holder = report.holders.front();
  const WaitChain& chain = finding.holders[0].chain;
  const bool waits_for_thread =
      !holder.waits_for.empty() || (holder.wait && !holder.wait->enders.empty() && holder.wait->enders[0].pid == 0);
  if (chain.count == 0 && (waits_for_thread || is_for_unknown_holder(finding.holders[0].wait))) return;
  report.chain.push_back({holder.pid, holder.tid, holder.thread, report.lock_id, holder.wait, holder.doing});
  for (uint32_t i = 0; i < chain.count; ++i) {
    const ChainThread& next = chain.threads[i];
    report.chain.push_back({0, next.tid, bounded(next.thread), lock_id(next.lock_id), describe_wait(next.wait, 0), ""});
  }
  if (chain.count > 0) report.chain.back().doing = bounded(chain.root_doing);
  add_other_process(report);
  std::reverse(report.chain.begin(), report.chain.end());
  count_tree(report);
}

}  // namespace holdwatch
