// See headline.h. The wording is in shim/common/text (line_parts.h); this file supplies the values, and the wording of
// events that the shim does not have.
#include "symbolizer/report/headline.h"
#include "shim/common/text/lock_kind_name.h"

#include <fmt/format.h>

#include <algorithm>

#include "shim/common/text/first_line.h"
#include "symbolizer/report/report_names.h"
#include "symbolizer/report/text_format.h"

namespace holdwatch {
namespace {

// Whether the holder moved since the last report. A thread that works or sleeps in a loop returns to the same place:
// only one that has not run at all is called frozen.
std::string movement(const ReportHolder& holder) {
  if (!holder.moved) return "its current position is unknown";
  if (*holder.moved) return "moved: now " + activity(holder);
  if (holder.state == ThreadState::running) return "same stack (running)";
  if (!holder.ran) return "same stack";
  return *holder.ran ? "same stack, but it ran in between" : "same stack (frozen)";
}

Acquired acquired(const ReportHolder& holder) {
  if (holder.before_attach) return Acquired::before_attach;
  if (holder.elsewhere) return Acquired::elsewhere;
  if (holder.by_loader) return Acquired::by_loader;
  return holder.unseen ? Acquired::unseen : Acquired::by_call;
}

// The first holder that has exited: there may be others that hold the lock for reading.
const ReportHolder& exited_holder(const Report& report) {
  const auto exited = std::find_if(report.holders.begin(), report.holders.end(),
                                   [](const ReportHolder& holder) { return holder.state == ThreadState::gone; });
  return exited != report.holders.end() ? *exited : report.holders.front();
}

// The labels that a FirstLine refers to, filled from a report.
class ReportFacts {
 public:
  explicit ReportFacts(const Report& report) : report_(report), facts_(first_line_from(report)) {
    facts_.lock_kind = report.lock_kind;
    facts_.lock_id = report.lock_id;
    if (!report.holders.empty()) holders();
    waiters();
    passed();
    cycle();
  }

  std::string first_line() const {
    constexpr size_t kWording = 1024;  // plus the labels of a lock
    const size_t labels = holder_.size() + exited_.size() + position_.size() + waiter_.size() + passed_.size() +
                          steps_size_ + 4 * report_.lock_id.size();
    std::string storage(kWording + labels, '\0');
    TextBuffer line(storage.data(), storage.size());
    append_first_line(facts_, line);
    storage.resize(line.size());
    return storage;
  }

 private:
  void holders() {
    const ReportHolder& first = report_.holders.front();
    holder_ = holder_label(first);
    facts_.holder = {holder_, first.access, longest_held_ns(report_.holders.data(), report_.holders.size())};
    facts_.holder_count = report_.holders.size();
    facts_.acquired = acquired(first);
    facts_.is_of_unknown_process = first.elsewhere && first.pid == 0;
    facts_.is_likely = first.likely;
    if (report_.event == Event::hold && report_.phase == Phase::still) facts_.position = position_ = movement(first);
    const ReportHolder& exited = exited_holder(report_);
    exited_ = thread_label(exited.tid, exited.thread);
    if (exited.elsewhere)
      exited_ += exited.pid == 0 ? " of another process" : " of process " + thread_label(exited.pid, exited.process);
    facts_.exited = {exited_, exited.access, exited.held_ns};
  }

  // A group of waiters is represented by the first one of the group that has waited longest.
  void waiters() {
    facts_.waiter_count = waiting_threads(report_);
    if (report_.waiters.empty()) return;
    const ReportWaiters& group = report_.waiters.front();
    facts_.longest_wait_ns = group.longest_ns;
    if (group.tids.empty()) return;
    waiter_ = thread_label(group.tids.front(), group.threads.empty() ? "" : group.threads.front());
    facts_.waiter = waiter_;
    facts_.wanted = group.access;
    facts_.waiter_polls = group.tries > 0;
    for (const ReportWaiters& each : report_.waiters) facts_.polling += each.tries > 0 ? each.tids.size() : 0;
  }

  void passed() {
    if (!report_.passed) return;
    facts_.passed_holds = report_.passed->holds;
    facts_.passed_by = passed_ = thread_label(report_.passed->tid, report_.passed->thread);
  }

  void cycle() {
    const std::vector<ReportCycleStep>& cycle = report_.cycle;
    facts_.cycle_length = cycle.size();
    facts_.is_cycle_likely = std::any_of(report_.holders.begin(), report_.holders.end(),
                                         [](const ReportHolder& holder) { return holder.likely; });
    if (cycle.empty()) return;
    const auto youngest = std::min_element(cycle.begin(), cycle.end(), [](const auto& left, const auto& right) {
      return left.waited_ns < right.waited_ns;
    });
    facts_.cycle_age_ns = youngest->waited_ns;
    facts_.cycle_locks = static_cast<size_t>(
        std::count_if(cycle.begin(), cycle.end(), [](const ReportCycleStep& step) { return !step.holds.empty(); }));
    facts_.is_cycle_from_before_attach =
        std::all_of(cycle.begin(), cycle.end(), [](const ReportCycleStep& step) { return step.before_attach; });
    for (size_t i = 0; i < std::min(cycle.size(), kShownOfCycle); ++i) {
      steps_[i] = label_of_step(i);
      joined_[i] = label_of_step((i + 1) % cycle.size());
      facts_.cycle[i] = {steps_[i], cycle[i].holds, cycle[i].waits_for, joined_[i]};
      steps_size_ += steps_[i].size() + joined_[i].size() + cycle[i].holds.size() + cycle[i].waits_for.size();
    }
  }
  std::string label_of_step(size_t i) const {
    return i < report_.holders.size() ? holder_label(report_.holders[i]) : thread_label(report_.cycle[i].tid, "");
  }

  const Report& report_;
  FirstLine facts_;
  std::string holder_, exited_, position_, waiter_, passed_;
  std::string steps_[kShownOfCycle], joined_[kShownOfCycle];
  size_t steps_size_ = 0;
};

std::string lock_label(const Report& report) {
  return fmt::format("{} {}", lock_kind_words(report.lock_kind), report.lock_id);
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

std::string read_recursion(const Report& report) {
  const std::string reader =
      report.holders.empty() ? "an unknown thread" : "thread " + holder_label(report.holders.front());
  return fmt::format(
      "{} read-locks {} again while holding it for reading: deadlocks if a writer starts to wait in between", reader,
      lock_label(report));
}

// Not the name of a call: "waits for thread 4711 to exit"; "blocked (unknown system call)".
bool is_predicate(std::string_view doing) {
  return doing.starts_with("waits ") || doing.starts_with("in a ") || doing.starts_with("blocked");
}

}  // namespace

std::string thread_label(int tid, const std::string& name) {
  return name.empty() ? fmt::format("{}", tid) : fmt::format("{} {}", tid, quote(name));
}

std::string holder_label(const ReportHolder& holder) {
  const std::string label = thread_label(holder.tid, holder.thread);
  if (!holder.elsewhere) return label;
  const std::string process = holder.pid == 0 ? "" : thread_label(holder.pid, holder.process);
  Line<256> text;
  append_process(process, text);
  return label + text.c_str();
}

uint64_t oldest_age_ns(const Report& report) {
  uint64_t oldest_ns = 0;
  if (is_about_waits(report.event)) {
    for (const ReportWaiters& group : report.waiters) oldest_ns = std::max(oldest_ns, group.longest_ns);
  } else {
    for (const ReportHolder& holder : report.holders) oldest_ns = std::max(oldest_ns, holder.held_ns);
  }
  return oldest_ns;
}

size_t waiting_threads(const Report& report) {
  size_t count = report.waiters_left_out;
  for (const ReportWaiters& group : report.waiters) count += group.tids.size();
  return count;
}

// Its activity already names the stream's lock that it waits for, and that lock's owner.
static bool names_its_stream(const ReportHolder& holder) {
  return holder.wait && holder.wait->kind == WaitKind::stream;
}

std::string activity(const ReportHolder& holder) {
  const std::string doing = escape(holder.doing);
  if (!holder.waits_for.empty()) {
    if (doing.starts_with("waiting for " + holder.waits_for) || names_its_stream(holder)) return doing;
    return "waits for " + holder.waits_for + (doing.empty() || doing == "running" ? "" : ", in " + doing);
  }
  switch (holder.state) {
    case ThreadState::running:
      return doing.empty() || doing == "running" ? "running" : "running: " + doing;
    case ThreadState::blocked:
      return doing.empty() ? "blocked" : (is_predicate(doing) ? "" : "blocked in ") + doing;
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
  if (report.event == Event::lock_order) return lock_order(report);
  if (report.event == Event::read_recursion) return read_recursion(report);
  return ReportFacts(report).first_line();
}

}  // namespace holdwatch
