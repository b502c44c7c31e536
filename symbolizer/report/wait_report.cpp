// See wait_report.h.
#include "symbolizer/report/wait_report.h"

#include <algorithm>

#include "symbolizer/report/finding_text.h"
#include "symbolizer/report/function_names.h"
#include "symbolizer/report/report_names.h"

namespace holdwatch {
namespace {

// All threads of the cycle, and those behind it. No hold in particular keeps them waiting: each counts since it has waited.
void count_tree_of_cycle(const Finding& finding, Report& report) {
  report.tree_threads = finding.holder_count + finding.waiter_count + report.waiters_left_out + report.behind_threads;
  report.tree_lost_ns = report.behind_lost_ns;
  for (size_t i = 0; i < finding.holder_count; ++i) report.tree_lost_ns += finding.holders[i].waited_ns;
  for (size_t i = 0; i < finding.waiter_count; ++i) report.tree_lost_ns += finding.waiters[i].waited_ns;
}

// Those who were seen while it lasted; in a deadlock, its own threads besides.
void count_ended_tree(const Finding& finding, Report& report) {
  report.tree_threads += report.threads_seen;
  report.tree_lost_ns += report.lost_ns + report.behind_lost_ns;
  if (!is_cycle(finding.event)) return;
  report.tree_threads += finding.holder_count;
  for (size_t i = 0; i < finding.holder_count; ++i) report.tree_lost_ns += finding.holders[i].waited_ns;
}

// Before the hold began, its waiters have waited for others. The oldest holder's age; no bound if the beginning of a hold was
// not seen, or if the report is about waits.
uint64_t most_lost_by_one_ns(const Report& report) {
  uint64_t oldest_ns = 0;
  for (const ReportHolder& holder : report.holders) {
    if (holder.evidence != Evidence::recorded) return UINT64_MAX;
    oldest_ns = std::max(oldest_ns, holder.held_ns);
  }
  return is_about_holds(report.event) ? oldest_ns : UINT64_MAX;
}

// Those who wait for the lock, those behind them, and those on the way from the lock to the root; each once, with the time that
// it surely has waited for that.
void count_tree(const Finding& finding, Report& report) {
  report.tree_threads = finding.waiter_count + report.waiters_left_out + report.behind_threads + report.steps_to_holder;
  report.tree_lost_ns = report.behind_lost_ns;
  const uint64_t most_ns = most_lost_by_one_ns(report);
  for (size_t i = 0; i < finding.waiter_count; ++i)
    report.tree_lost_ns += std::min(finding.waiters[i].waited_ns, most_ns);
  report.tree_lost_ns += holder_waited_ns(report);
}

// All others of its threads wait for the holder, and are counted anyway.
void count_tree_of_likely_cycle(const Finding& finding, Report& report) {
  count_tree(finding, report);
  ++report.tree_threads;
  const std::optional<ReportWait>& own = report.holders.front().wait;
  if (own) report.tree_lost_ns += own->waited_ns;
}

// It waits for what has one known ender, in another process.
bool waits_for_other_process(const ReportHolder& holder) {
  return holder.wait && holder.wait->enders.size() == 1 && holder.wait->enders[0].pid != 0;
}

// From the holder to the root; false if that is not known.
bool add_way_to_root(const Finding& finding, Report& report) {
  const ReportHolder& holder = report.holders.front();
  const WaitChain& chain = finding.holders[0].chain;
  const bool waits_for_thread =
      !holder.waits_for.empty() || (holder.wait && !holder.wait->enders.empty() && holder.wait->enders[0].pid == 0 &&
                                    !is_guess(holder.wait->enders[0].evidence));
  if (chain.count == 0 && !waits_for_other_process(holder) &&
      (waits_for_thread || is_for_unknown_holder(finding.holders[0].wait) ||
       (holder.wait && holder.wait->other_ends == kEndsNotCounted)))
    return false;
  report.chain.push_back({holder.pid, holder.tid, holder.thread, report.lock_id, holder.wait, holder.doing});
  for (uint32_t i = 0; i < chain.count; ++i) {
    const ChainThread& next = chain.threads[i];
    report.chain.push_back({0, next.tid, bounded(next.thread), lock_id(next.lock_id), describe_wait(next.wait, 0), ""});
  }
  if (chain.count > 0) report.chain.back().doing = bounded(chain.root_doing);
  add_other_process(chain.count > 0 ? chain.threads[chain.count - 1].wait : finding.holders[0].wait, report);
  return true;
}

WaitKind kind_of_wait(const BehindThread& thread) {
  if (thread.waits_for.address == 0) return WaitKind::join;
  return wait_kind_of(thread.waits_for.kind);
}

void add_threads_behind(const Finding& finding, Report& report) {
  for (size_t i = 0; i < finding.behind_count; ++i) {
    const BehindThread& thread = finding.behind[i];
    const ReportChainStep& before = report.chain.back();
    ReportWait wait;
    wait.kind = kind_of_wait(thread);
    wait.object = thread.waits_for.address;
    wait.has_timeout = thread.has_timeout;
    wait.waited_ns = thread.waited_ns;
    if (i == 0)
      add_ender(report.holders.front(), wait);
    else
      wait.enders = {{before.pid, before.tid, before.thread, Evidence::recorded}};
    report.chain.push_back({0, thread.tid, bounded(thread.thread), lock_id(thread.lock_id), wait, ""});
  }
  report.chain_left_out = finding.behind_left_out;
}

// Until the holder releases the lock. One that waits behind another reader waits for a writer, whose wait may have a timeout.
bool waits_for_ever(const Waiter& waiter, const Holder& holder) {
  const bool both_read = waiter.access == Access::shared && holder.access == Access::shared;
  return !waiter.has_timeout && !both_read;
}

ReportEnder describe_ender(const Ender& ender) {
  return {ender.pid, ender.tid, bounded(ender.thread), ender.evidence};
}

// The process of the thread that alone can end the wait; 0: this one.
int next_process(const Wait& wait) {
  const Ender* const next = only_thread_anywhere(wait);
  return next == nullptr ? 0 : next->pid;
}

// From the holder over the threads of its chain, of which the last one waits for it.
void add_way_back(const Holder& holder, Report& report) {
  const WaitChain& chain = holder.chain;
  std::vector<ReportLikelyStep>& cycle = report.likely_cycle;
  const auto add = [&](int pid, int tid, std::string thread, const std::string& holds, const Wait& wait) {
    const bool joins = wait.kind == WaitKind::join || wait.kind == WaitKind::child;
    cycle.push_back({tid, std::move(thread), holds, "", joins, pid});
  };
  add(0, holder.tid, bounded(holder.thread), lock_id(chain.back_lock_id), holder.wait);
  const Wait* before = &holder.wait;
  for (uint32_t i = 0; i < chain.count; ++i) {
    const ChainThread& next = chain.threads[i];
    cycle.back().waits_for = lock_id(next.lock_id);
    add(next_process(*before), next.tid, bounded(next.thread), cycle.back().waits_for, next.wait);
    before = &next.wait;
  }
  cycle.back().waits_for = cycle.front().holds;
}

}  // namespace

void add_ender(const ReportHolder& holder, ReportWait& wait) {
  wait.is_for_gone |= holder.state == ThreadState::gone && !holder.likely;
  if (wait.is_for_gone)
    wait.enders.clear();
  else
    wait.enders.push_back({holder.pid, holder.tid, holder.thread, holder.evidence, holder.likely});
}

void name_next_of_cycle(Report& report) {
  if (!is_cycle(report.event)) return;
  for (size_t i = 0; i < report.holders.size(); ++i) {
    std::optional<ReportWait>& wait = report.holders[i].wait;
    if (!wait || !wait->enders.empty()) continue;
    const ReportHolder& next = report.holders[(i + 1) % report.holders.size()];
    wait->gap = EnderGap::none;
    add_ender(next, *wait);
  }
}

uint64_t holder_waited_ns(const Report& report) {
  if (report.steps_to_holder == 0) return 0;
  const std::optional<ReportWait>& own = report.chain[report.steps_to_holder].wait;
  return own ? own->waited_ns : 0;
}

std::optional<ReportWait> describe_wait(const Wait& wait, uint64_t waited_ns) {
  if (!wait.known) return std::nullopt;
  ReportWait described;
  described.kind = wait.kind;
  described.object = wait.object;
  described.name = bounded(wait.name);
  described.waited_ns = waited_ns;
  described.has_timeout = wait.has_timeout;
  described.timeout_ns = wait.timeout_ns;
  described.timeouts = wait.timeouts;
  for (uint32_t i = 0; i < wait.ender_count; ++i) described.enders.push_back(describe_ender(wait.enders[i]));
  described.gap = wait.gap;
  described.other_ends = wait.other_ends;
  described.other_end_is_here = wait.other_end_is_here;
  described.last = describe_ender(wait.last);
  described.last_is_before = wait.last_is_before;
  return described;
}

void add_other_process(const Wait& wait, Report& report) {
  const std::optional<ReportWait>& last = report.chain.back().wait;
  if (!last || last->enders.size() != 1 || last->enders[0].pid == 0 || wait.other_end_is_here) return;
  const ReportEnder& process = last->enders[0];
  report.chain.push_back({process.pid, process.tid, process.thread, "", std::nullopt, ""});
}

void add_last_ender(const Wait& wait, const ResolvePlace& resolve, ReportWait& described) {
  if (described.last.tid == 0) return;
  for (Frame& frame : resolve(wait.last_pc, {wait.last_ns, wait.last_ns})) {
    described.last_at = std::move(frame);
    if (!is_library_frame(described.last_at)) return;
  }
}

void add_likely_cycle(const Finding& finding, Report& report) {
  if (!is_about_holds(finding.event) || has_ended(finding.phase) || finding.holder_count != 1) return;
  const Holder& holder = finding.holders[0];
  if (holder.chain.comes_back) return add_way_back(holder, report);
  const Ender* const ender = only_thread(holder.wait);
  // Where the stack shows that the ender is at work, its chain would have come back.
  if (ender == nullptr || !is_guess(ender->evidence) || ender->evidence == Evidence::stack) return;
  if (ends_by_timeout(holder.wait)) return;
  const auto* const end = finding.waiters + finding.waiter_count;
  const bool waits_itself = std::any_of(finding.waiters, end, [&](const Waiter& waiter) {
    return waiter.tid == ender->tid && waiter.tries == 0 && waits_for_ever(waiter, holder);
  });
  if (waits_itself)
    report.likely_cycle = {{holder.tid, bounded(holder.thread), report.lock_id, "", false},
                           {ender->tid, bounded(ender->thread), "", report.lock_id, false}};
}

// The chain was found from the holder to the root; a report begins with the root.
void add_chain(const Finding& finding, Report& report) {
  if (!report.likely_cycle.empty()) return count_tree_of_likely_cycle(finding, report);
  if (has_ended(finding.phase)) return count_ended_tree(finding, report);
  if (is_cycle(finding.event)) return count_tree_of_cycle(finding, report);
  if (finding.holder_count > 0 && add_way_to_root(finding, report)) {
    report.steps_to_holder = report.chain.size() - 1;
    std::reverse(report.chain.begin(), report.chain.end());
    add_threads_behind(finding, report);
  }
  count_tree(finding, report);
}

}  // namespace holdwatch
