// A Report as the lines that people read: the headline, then, indented, where the lock was taken, what the holder is
// doing now and who waits. The sample in the README is produced here.
// Pure.
#include <fmt/format.h>

#include <algorithm>

#include "shim/common/text/lock_kind_name.h"
#include "symbolizer/report/ender_words.h"
#include "symbolizer/report/headline.h"
#include "symbolizer/report/passed_holds.h"
#include "symbolizer/report/report.h"
#include "symbolizer/report/report_names.h"
#include "symbolizer/report/sample_shares.h"
#include "symbolizer/report/stack_text.h"
#include "symbolizer/report/text_format.h"

namespace holdwatch {
namespace {

constexpr size_t kDetailedHolders = 4;  // further holders are listed by number only
constexpr size_t kDetailedSteps = 20;   // of a chain; further ones are counted
constexpr size_t kDetailedGroups = 8;   // the same for groups of waiters
constexpr size_t kListedThreads = 3;

// Collects the indented lines under the headline. Stacks are formatted when all of them are known.
class Details {
 public:
  // A line under a label of the left column; an empty label continues the one above.
  void add(std::string_view label, std::string text) { items_.push_back({std::string(label), std::move(text), {}}); }

  // A stack whose first row is next to the label.
  void show(std::string_view label, const StackView& view) {
    items_.push_back({std::string(label), {}, stacks_.add(view)});
  }

  std::string text() const {
    std::string out;
    for (const Item& item : items_) {
      std::string_view label = item.label;
      if (!item.stack) {
        append_line(out, label, item.text);
        continue;
      }
      for (const std::string& row : stacks_.rows(*item.stack)) {
        append_line(out, label, row);
        label = {};
      }
    }
    return out;
  }

 private:
  struct Item {
    std::string label;
    std::string text;
    std::optional<size_t> stack;
  };
  static void append_line(std::string& out, std::string_view label, std::string_view text) {
    out += fmt::format("  {:<8}{}\n", label, text);
  }

  std::vector<Item> items_;
  StackText stacks_;
};

// "4711, 4712, 4713 ..."; with names if there are few.
std::string list_threads(const std::vector<int>& tids, const std::vector<std::string>& names) {
  const bool few = tids.size() <= kListedThreads;
  std::string text;
  for (size_t i = 0; i < tids.size() && i < kListedThreads; ++i) {
    if (i > 0) text += ", ";
    text += few && i < names.size() ? thread_label(tids[i], names[i]) : fmt::format("{}", tids[i]);
  }
  return few ? text : text + " ...";
}

void add_lock(std::string_view label, const std::string& id, LockKind kind, uintptr_t address, const std::string& name,
              Details& details) {
  details.add(label,
              fmt::format("{} {}{}{}{}", id, lock_kind_words(kind), address == 0 ? "" : fmt::format(" {:#x}", address),
                          name.empty() ? "" : " ", escape(name)));
}

void add_locks(const Report& report, Details& details) {
  if (report.lock_kind == LockKind::condition && report.lock_id.empty()) return;
  if (report.cycle.size() < 2)
    return add_lock("lock", report.lock_id, report.lock_kind, report.lock_address, report.lock_name, details);
  const auto locks = std::count_if(report.cycle.begin(), report.cycle.end(),
                                   [](const ReportCycleStep& step) { return !step.holds.empty(); });
  std::string_view label = locks == 1 ? "lock" : "locks";
  for (const ReportCycleStep& step : report.cycle) {
    if (step.holds.empty()) continue;
    add_lock(label, step.holds, step.lock_kind, step.lock_address, step.lock_name, details);
    label = "";
  }
}

// The lock that a holder has, or that waiters wait for: in a deadlock it differs between threads.
struct LockLabel {
  std::string id;
  LockKind kind;
  bool is_one_of_several;
};

LockLabel lock_of_holder(const Report& report, size_t holder) {
  if (report.cycle.size() < 2 || holder >= report.cycle.size()) return {report.lock_id, report.lock_kind, false};
  return {report.cycle[holder].holds, report.cycle[holder].lock_kind, true};
}

LockLabel lock_of_waiters(const Report& report, const ReportWaiters& group) {
  for (size_t i = 0; i < report.cycle.size(); ++i)
    if (report.cycle[i].holds == group.lock_id) return lock_of_holder(report, i);
  return {report.lock_id, report.lock_kind, false};
}

// ", 12.4 s", or nothing if unknown.
std::string lasting(uint64_t ns) {
  return ns == 0 ? "" : ", " + format_duration(ns);
}

// ", 12.4 s at least" if its beginning was not seen.
std::string held_for(const ReportHolder& holder) {
  const bool began_unseen = holder.before_attach || holder.unseen || holder.by_loader || holder.elsewhere;
  return lasting(holder.held_ns) + (began_unseen && holder.held_ns != 0 ? " at least" : "");
}

std::string holder_line(const ReportHolder& holder, const LockLabel& lock) {
  std::string_view mode = "";
  if (lock.kind == LockKind::rwlock) mode = holder.access == Access::shared ? ", reading" : ", writing";
  return fmt::format("{}{}{}{}{}", holder_label(holder), lock.is_one_of_several ? " of " + lock.id : "", mode,
                     held_for(holder), holder.likely ? " (likely)" : "");
}

// In a cycle only because another thread waits for its end.
bool is_only_joined(const Report& report, size_t index) {
  return lock_of_holder(report, index).id.empty();
}

void name_holder(const Report& report, size_t index, Details& details) {
  const ReportHolder& holder = report.holders[index];
  if (is_only_joined(report, index))
    details.add("joined", holder_label(holder));
  else
    details.add("holder", holder_line(holder, lock_of_holder(report, index)));
}

std::string wait_duration(const ReportHolder& holder) {
  const bool is_known = holder.state == ThreadState::blocked && holder.wait && holder.wait->waited_ns > 0;
  return is_known ? ", for " + format_duration(holder.wait->waited_ns) : "";
}

// "probably a deadlock: 4713 waits for L2, 4714 waits for L1". What the holder itself waits for is said before.
std::string likely_cycle_words(const std::vector<ReportLikelyStep>& cycle) {
  if (cycle.size() == 1) return "probably a deadlock of the thread with itself";
  std::string text = "probably a deadlock: ";
  for (size_t i = 1; i < cycle.size(); ++i) {
    const int next = cycle[(i + 1) % cycle.size()].tid;
    const std::string thread = cycle[i].joins_next ? fmt::format("thread {} to exit", next) : fmt::format("{}", next);
    text += fmt::format("{}{} waits for {}", i == 1 ? "" : ", ", cycle[i].tid,
                        cycle[i].waits_for.empty() ? thread : cycle[i].waits_for);
  }
  return text;
}

// Who can end what the holder waits for, where that is no fact. What a thread is inside of is said with the wait itself.
void add_enders(const Report& report, const ReportHolder& holder, Details& details) {
  if (!holder.wait) return;
  for (const ReportEnder& ender : holder.wait->enders)
    if (is_guess(ender.evidence) && ender.evidence != Evidence::stack)
      details.add("",
                  thread_label(ender.tid, ender.thread) + " can likely end that" + reason_words(*holder.wait, ender));
  if (!report.likely_cycle.empty() && report.likely_cycle.front().tid == holder.tid)
    details.add("", likely_cycle_words(report.likely_cycle));
  if (const std::string why = gap_words(*holder.wait); !why.empty())
    details.add("", "who can end that is not known: " + why);
}

void add_holder(const Report& report, size_t index, const ReportHolder* before, Details& details) {
  const ReportHolder& holder = report.holders[index];
  if (is_only_joined(report, index) || report.event == Event::stray_unlock) {
    // It has taken nothing.
  } else if (before != nullptr && same_frames(before->taken, holder.taken)) {
    // Two unknown positions never count as the same.
    if (!holder.taken.frames.empty()) details.add("taken", "(same stack)");
  } else {
    details.show("taken", {&holder.taken, true, {}, nullptr});
  }
  std::string_view label = "now";
  if (has_ended(report.phase)) {
    label = "release";
  } else {
    details.add(label, activity(holder) + wait_duration(holder));
    label = "";
    add_enders(report, holder, details);
  }
  if (before != nullptr && same_frames(before->now, holder.now)) {
    details.add(label, "(same stack)");
  } else {
    details.show(label, {&holder.now, false, holder.now_took, &holder.taken, lock_of_holder(report, index).id});
  }
}

void add_holders(const Report& report, Details& details) {
  const ReportHolder* before = nullptr;
  for (size_t i = 0; i < report.holders.size() && i < kDetailedHolders; ++i) {
    const ReportHolder& holder = report.holders[i];
    if (report.holders.size() > 1 || is_about_waits(report.event)) name_holder(report, i, details);
    add_holder(report, i, before, details);
    before = &holder;
  }
  if (report.holders.size() <= kDetailedHolders) return;
  std::vector<int> others;
  for (size_t i = kDetailedHolders; i < report.holders.size(); ++i) others.push_back(report.holders[i].tid);
  details.add("holder", count_of(others.size(), "more", "more") + ": " + list_threads(others, {}));
}

std::string group_line(const Report& report, const ReportWaiters& group) {
  const LockLabel lock = lock_of_waiters(report, group);
  std::string_view mode = "";
  if (lock.kind == LockKind::rwlock) mode = group.access == Access::shared ? " to read" : " to write";
  const std::string longest = group.longest_ns == 0 ? ""
                                                    : fmt::format(", {}{}", group.tids.size() > 1 ? "longest " : "",
                                                                  format_duration(group.longest_ns));
  const std::string tries =
      group.tries == 0 ? "" : fmt::format(", polling, at least {} in vain", count_of(group.tries, "try", "tries"));
  return fmt::format("{}{}{}{}{}: {}", count_of(group.tids.size(), "thread", "threads"),
                     lock.is_one_of_several ? " for " + lock.id : "", mode, longest, tries,
                     list_threads(group.tids, group.threads));
}

void add_waiters(const Report& report, Details& details) {
  size_t threads_left = waiting_threads(report) - report.waiters_left_out;
  const ReportWaiters* before = nullptr;
  std::string_view label = has_ended(report.phase) ? "waited" : "waits";
  for (size_t i = 0; i < report.waiters.size() && i < kDetailedGroups; ++i) {
    const ReportWaiters& group = report.waiters[i];
    const bool same = before != nullptr && same_frames(before->stack, group.stack);
    details.add(label, group_line(report, group) + (same ? " (same stack)" : ""));
    if (!same) details.show("", {&group.stack, true, {}, nullptr});
    threads_left -= group.tids.size();
    before = &group;
    label = "";
  }
  if (threads_left > 0) {
    details.add(label, fmt::format("{} in {} not shown", count_of(threads_left, "more thread", "more threads"),
                                   count_of(report.waiters.size() - kDetailedGroups, "other place", "other places")));
  }
  if (report.waiters_left_out > 0) {
    details.add(label, count_of(report.waiters_left_out, "more thread waits", "more threads wait") +
                           "; their stacks were not captured");
  }
}

void add_edges(const Report& report, Details& details) {
  for (const ReportOrderEdge& edge : report.edges) {
    details.add("order", fmt::format("{} took {}, then {}", edge.tid, edge.first, edge.then));
    details.show("", {&edge.stack, true, {}, nullptr});
  }
}

std::string why_likely(const ReportHolder& holder, LockKind kind) {
  if (kind == LockKind::file_lock)
    return "likely: the kernel names a process; another thread, or a process that cannot be looked into, may have the "
           "lock";
  if (holder.elsewhere) return "likely: the lock may mean a thread of another pid namespace, or be held anew";
  return fmt::format("likely: the lock's own fields do not name {} as its holder", holder.tid);
}

void add_notes(const Report& report, Details& details) {
  for (size_t i = 0; i < report.holders.size(); ++i) {
    const ReportHolder& holder = report.holders[i];
    if (holder.depth > 1 && !has_ended(report.phase)) {
      details.add("note", fmt::format("{} has taken {} {} times and must release it as many times", holder.tid,
                                      lock_of_holder(report, i).id, holder.depth));
    }
    if (holder.likely) details.add("note", why_likely(holder, lock_of_holder(report, i).kind));
  }
  if (report.unrecorded_holds > 0) {
    details.add("note", count_of(report.unrecorded_holds, "hold was", "holds were") +
                            " not recorded since start: a thread held more locks at once than can be tracked");
  }
  if (!report.note.empty()) details.add("note", escape(report.note));
}

std::string wait_words(const ReportChainStep& step, const ReportChainStep& before) {
  if (step.wait && step.wait->kind == WaitKind::join) return fmt::format("waits for thread {} to exit", before.tid);
  return "waits for " + (before.holds.empty() ? thread_label(before.tid, before.thread) : before.holds);
}

// What the headline, the holder and the root do not say yet: who else is on the way.
void add_chain(const Report& report, Details& details) {
  const bool ends_with_holder = report.steps_to_holder + 1 == report.chain.size();
  if (report.chain.empty() || (ends_with_holder && report.chain.size() < 3)) return;
  std::string_view label = "chain";
  const size_t steps = report.chain.size() - 1;
  for (size_t i = 1; i <= std::min(steps, kDetailedSteps); ++i) {
    const ReportChainStep& step = report.chain[i];
    const std::string holds = step.holds.empty() ? "" : fmt::format(" holds {} and", step.holds);
    details.add(label, thread_label(step.tid, step.thread) + holds + " " + wait_words(step, report.chain[i - 1]));
    label = "";
  }
  const size_t more = steps - std::min(steps, kDetailedSteps) + report.chain_left_out;
  if (more > 0) details.add("", fmt::format("and {}", count_of(more, "more step", "more steps")));
}

// Of a process that has the other end of a pipe, for instance, it is not known which thread will go on.
std::string root_label(const Report& report) {
  const ReportChainStep& root = report.chain.front();
  const std::string label = thread_label(root.tid, root.thread);
  if (root.pid == 0) return label;
  const std::optional<ReportWait>& wait = report.chain[1].wait;
  const bool is_owner = wait && (wait->kind == WaitKind::mutex || wait->kind == WaitKind::rwlock);
  if (root.pid == root.tid && !is_owner) return "process " + label;
  return fmt::format("{} of process {}", label, root.pid);
}

// "at least 3 threads wait for it": of this process, if the root is in another one.
std::string behind_root(const Report& report) {
  const bool is_elsewhere = report.chain.front().pid != 0;
  const auto first = report.chain.begin() + 1;
  const auto others = std::count_if(first, first + static_cast<std::ptrdiff_t>(report.steps_to_holder),
                                    [](const ReportChainStep& step) { return step.pid != 0; });
  const size_t threads = report.tree_threads - (is_elsewhere ? static_cast<size_t>(others) : 0);
  return is_elsewhere ? count_of(threads, "thread of this process waits", "threads of this process wait")
                      : count_of(threads, "thread waits", "threads wait");
}

// Only if somebody else than the holder that was shown holds everybody up.
void add_root(const Report& report, Details& details) {
  if (report.steps_to_holder == 0) return;
  const ReportChainStep& root = report.chain.front();
  std::string text = root_label(report);
  if (!root.doing.empty()) text += ", " + escape(root.doing);
  if (report.holders.size() > 1)
    text += fmt::format("; behind it is {}, one of {} holders", report.chain[report.steps_to_holder].tid,
                        report.holders.size());
  details.add("root", fmt::format("{}; at least {} for it, directly or through others", text, behind_root(report)));
}

void add_identity(const Report& report, Details& details) {
  details.add("report",
              fmt::format("{} on {}, {}, episode {}, fingerprint {}", format_time(report.wall_clock_ns),
                          escape(report.host), escape(base_name(report.exe)), report.episode, report.fingerprint));
}

// A list of idle threads is as short as possible: the headline, and where they are.
bool is_listed(const Report& report) {
  return report.lock_kind == LockKind::condition && report.phase == Phase::snapshot;
}

void add_passed(const Report& report, Details& details) {
  if (!report.passed) return;
  std::string_view label = "passed";
  for (const std::string& line : passed_lines(*report.passed)) {
    details.add(label, line);
    label = "";
  }
}

// Which phases of the hold took the time.
void add_samples(const Report& report, Details& details) {
  std::string_view label = "samples";
  for (size_t i = 0; i < report.holders.size() && i < kDetailedHolders; ++i) {
    const ReportHolder& holder = report.holders[i];
    if (!holder.samples) continue;
    const std::string whose = report.holders.size() > 1 ? holder_label(holder) + ": " : "";
    for (const std::string& line : sample_lines(*holder.samples)) {
      details.add(label, whose + line);
      label = "";
    }
  }
}

void add_everything(const Report& report, Details& details) {
  add_locks(report, details);
  if (is_about_waits(report.event)) {
    add_waiters(report, details);
    add_passed(report, details);
    add_holders(report, details);
  } else {
    add_holders(report, details);
    add_samples(report, details);
    add_waiters(report, details);
  }
  add_root(report, details);
  add_chain(report, details);
  add_edges(report, details);
  add_notes(report, details);
  if (!is_listed(report)) add_identity(report, details);
}

// Only new information: the current positions of holders that have moved.
void add_movement(const Report& report, Details& details) {
  size_t shown = 0;
  for (size_t i = 0; i < report.holders.size(); ++i) {
    const ReportHolder& holder = report.holders[i];
    if (!holder.moved.value_or(false) || ++shown > kDetailedHolders) continue;
    if (report.holders.size() > 1) name_holder(report, i, details);
    details.show("now", {&holder.now, false, holder.now_took, nullptr, lock_of_holder(report, i).id});
  }
  add_samples(report, details);
  add_passed(report, details);
  if (!report.note.empty()) details.add("note", escape(report.note));
}

}  // namespace

std::string render_text(const Report& report) {
  Details details;
  switch (report.phase) {
    case Phase::over:
    case Phase::late:
    case Phase::snapshot:
      add_everything(report, details);
      break;
    case Phase::still:
      add_movement(report, details);
      break;
    case Phase::released:
      add_samples(report, details);
      add_passed(report, details);
      if (!report.note.empty()) details.add("note", escape(report.note));
      break;
  }
  return fmt::format("holdwatch[{}]: {}\n{}", report.pid, headline(report), details.text());
}

static std::string as_before(const Recurrence& all, const std::string& fingerprint) {
  return fmt::format("as in episode {} (fingerprint {}), {} so far{}", all.first_episode, fingerprint,
                     count_of(all.times, "time", "times"), lost_waiting(all.lost_ns));
}

std::string render_recurrence_detail(const Report& report) {
  Details details;
  details.add("again", as_before(report.recurrence, report.fingerprint));
  return details.text();
}

std::string render_recurrence(const Report& report) {
  return fmt::format("holdwatch[{}]: {}; {}\n", report.pid, headline(report),
                     as_before(report.recurrence, report.fingerprint));
}

}  // namespace holdwatch
