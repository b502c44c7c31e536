// The first line of a finding, with the facts that the shim knows: see first_line.h.
#include <algorithm>

#include "shim/common/text/escaped_text.h"
#include "shim/common/text/first_line.h"

namespace holdwatch {
namespace {

using Label = Line<256>;
using LockLabel = Line<16>;

std::string_view append_label(int tid, const char* name, TextBuffer& out) {
  out << tid;
  if (name[0] == '\0') return out;
  out << ' ';
  put_quoted(name, [&out](char part) { out << part; });
  return out;
}

// Nothing for id 0, which stands for no lock.
std::string_view append_lock(uint32_t id, TextBuffer& out) {
  if (id != 0) out << 'L' << id;
  return out;
}

bool is_of_unknown_process(const Holder& holder) {
  return holder.acquired == Acquired::elsewhere && holder.pid == 0;
}

// `4711 "name"`, for a thread of another process with that process.
std::string_view append_thread_of_process(const Holder& holder, TextBuffer& out) {
  append_label(holder.tid, holder.thread, out);
  if (holder.acquired != Acquired::elsewhere) return out;
  Label process;
  if (holder.pid != 0) append_label(holder.pid, holder.process, process);
  append_process(process, out);
  return out;
}

// Fills a FirstLine from a finding; owns the labels that it points to.
class FindingFacts {
 public:
  explicit FindingFacts(const Finding& finding) : finding_(finding), facts_(first_line_from(finding)) {
    facts_.lock_kind = finding.lock.kind;
    facts_.lock_id = append_lock(finding.lock_id, lock_id_);
    if (finding.holder_count != 0) holders();
    waiters();
    passed();
    if (is_cycle(finding.event)) cycle();
  }
  const FirstLine& facts() const { return facts_; }

 private:
  const Holder* first_holder() const { return finding_.holders; }
  const Holder* end_of_holders() const { return finding_.holders + finding_.holder_count; }

  void holders() {
    const Holder& first = *first_holder();
    append_thread_of_process(first, holder_label_);
    facts_.holder = {holder_label_, first.access, longest_held_ns(finding_.holders, finding_.holder_count)};
    facts_.holder_count = finding_.holder_count;
    facts_.acquired = first.acquired;
    facts_.is_of_unknown_process = is_of_unknown_process(first);
    facts_.is_likely = first.likely;
    facts_.position = "its current position is unknown";
    exited_holder();
  }

  // The first holder that has exited: others may also hold the lock, for reading.
  void exited_holder() {
    const Holder* exited = std::find_if(first_holder(), end_of_holders(),
                                        [](const Holder& one) { return one.state == ThreadState::gone; });
    if (exited == end_of_holders()) exited = first_holder();
    append_label(exited->tid, exited->thread, exited_label_);
    if (exited->acquired == Acquired::elsewhere) append_exited_process(*exited);
    facts_.exited = {exited_label_, exited->access, exited->held_ns};
  }

  void append_exited_process(const Holder& exited) {
    Label process;
    if (exited.pid == 0)
      exited_label_ << " of another process";
    else
      append_process(append_label(exited.pid, exited.process, process), exited_label_);
  }

  void waiters() {
    facts_.waiter_count = finding_.waiter_count + finding_.waiters_left_out;
    if (finding_.waiter_count == 0) return;
    const Waiter& first = finding_.waiters[0];
    facts_.waiter = append_label(first.tid, first.thread, waiter_label_);
    facts_.wanted = first.access;
    facts_.longest_wait_ns = first.waited_ns;
    facts_.waiter_polls = first.tries > 0;
    facts_.polling = static_cast<size_t>(std::count_if(finding_.waiters, finding_.waiters + finding_.waiter_count,
                                                       [](const Waiter& waiter) { return waiter.tries > 0; }));
  }

  void passed() {
    if (finding_.passed.holds == 0) return;
    facts_.passed_holds = finding_.passed.holds;
    facts_.passed_by = append_label(finding_.passed.tid, finding_.passed.thread, passed_label_);
  }

  void cycle() {
    const size_t length = finding_.holder_count;
    facts_.cycle_length = length;
    uint64_t age_ns = length == 0 ? 0 : UINT64_MAX;
    facts_.is_cycle_from_before_attach = true;
    for (size_t i = 0; i < length; ++i) {
      const Holder& holder = finding_.holders[i];
      age_ns = std::min(age_ns, holder.waited_ns);
      facts_.is_cycle_from_before_attach = facts_.is_cycle_from_before_attach && holder.waits_since_before_attach;
      facts_.is_cycle_likely = facts_.is_cycle_likely || holder.likely;
      if (holder.lock_id != 0) ++facts_.cycle_locks;
    }
    facts_.cycle_age_ns = age_ns;
    for (size_t i = 0; i < std::min(length, kShownOfCycle); ++i) {
      const Holder& holder = finding_.holders[i];
      const Holder& next = finding_.holders[(i + 1) % length];
      facts_.cycle[i] = {append_thread_of_process(holder, steps_[i].label),
                         append_lock(holder.lock_id, steps_[i].holds), append_lock(next.lock_id, steps_[i].waits_for),
                         append_label(next.tid, next.thread, steps_[i].joins)};
    }
  }

  const Finding& finding_;
  FirstLine facts_;
  LockLabel lock_id_;
  Label holder_label_, exited_label_, waiter_label_, passed_label_;
  struct {
    Label label, joins;
    LockLabel holds, waits_for;
  } steps_[kShownOfCycle];
};

}  // namespace

void append_first_line(const Finding& finding, TextBuffer& out) {
  append_first_line(FindingFacts(finding).facts(), out);
}

}  // namespace holdwatch
