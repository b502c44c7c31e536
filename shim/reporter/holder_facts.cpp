// See holder_facts.h.
#include "shim/reporter/holder_facts.h"

#include <algorithm>
#include <cstring>

#include "shim/inspection/blocked_thread.h"
#include "shim/inspection/earlier_sleeps.h"
#include "shim/inspection/inferred_holds.h"
#include "shim/inspection/loader_locks.h"
#include "shim/inspection/lock_state.h"
#include "shim/inspection/other_process.h"
#include "shim/inspection/ownership.h"
#include "shim/inspection/thread_names.h"
#include "shim/record/thread_table.h"

namespace holdwatch {
namespace {

constinit ThreadNames g_names;

// A thread of another process gets no name if it was never found, or if it exited before it was examined.
void describe_elsewhere(int pid, Holder* out) {
  static struct {
    int tid;
    ThreadElsewhere seen;
  } known[64];
  auto& last = known[static_cast<size_t>(out->tid) % std::size(known)];
  out->state = ThreadState::unknown;
  if (pid == 0) return;
  ThreadElsewhere seen = look_at_thread(pid, out->tid);
  if (seen.state != ThreadState::gone)
    last = {out->tid, seen};
  else if (last.tid != out->tid)
    return;
  out->pid = pid;
  out->state = seen.state;
  std::memcpy(out->thread, last.seen.thread, sizeof out->thread);
  std::memcpy(out->process, last.seen.process, sizeof out->process);
}

}  // namespace

void describe_holder(const ReportRequest& request, size_t index, Holder* out) {
  const HoldView& hold = request.state.holders[index].hold;
  *out = Holder{};
  out->tid = hold.tid;
  out->lock = reported_lock(hold.word);
  out->lock_id = request.tag_of_holder(index).id;
  std::memcpy(out->lock_name, request.tag_of_holder(index).name, sizeof out->lock_name);
  out->access = hold.word.access();
  out->acquired = acquired_how(request.state.holders[index]);
  out->depth = hold.levels;
  out->held_ns = request.held_ns[index];
  const uint64_t since_ns = earliest_start_ns(hold);
  out->acquired_when = {since_ns, std::max(since_ns, request.started_ns[index])};
  out->site_count = is_inferred(hold.sites[0].pc) ? 0 : hold.site_count;
  out->likely = request.state.holders[index].likely;
  out->evidence = is_inferred(hold.sites[0].pc) ? Evidence::stated : Evidence::recorded;
  if (!request.state.holders[index].holds_lock()) {
    out->acquired = Acquired::by_call;
    out->evidence = Evidence::recorded;
  }
  if (is_cycle(request.event)) {
    out->waits_for = request.tags[(index + 1) % request.state.holder_count].id;
    out->waited_ns = request.holder_waits_ns[index];
    out->waits_since_before_attach = request.state.holders[index].waits_since_before;
  }
  std::copy_n(hold.sites, hold.site_count, out->sites);
  if (out->acquired == Acquired::elsewhere) {
    describe_elsewhere(request.state.holders[index].pid, out);
    if (hold.gone) out->state = ThreadState::gone;
  } else if (hold.gone) {
    std::memcpy(out->thread, record_at(hold.identity.record)->gone_name, kThreadNameSize - 1);
    out->state = ThreadState::gone;
  } else {
    out->state = g_names.look_up(hold.tid, out->thread) ? ThreadState::running : ThreadState::gone;
    if (out->thread[0] == '\0') std::memcpy(out->thread, request.names[index], sizeof out->thread);
  }
}

namespace {

bool still_waits(LockWord lock, const Identity& wait) {
  if (!lock.empty()) return wait_lasts(wait);
  JoinView join;
  return view_join(wait.record, &join) && join.state == wait.number;
}

// A thread that takes the mutex of its condition back has waited for that since it is not known when.
bool is_seen(const OwnWait& own, const Wait& seen) {
  if (own.lock.empty()) return seen.kind == WaitKind::join;
  if (own.lock.condition()) return seen.kind == WaitKind::condition;
  return seen.object == own.lock.address();
}

}  // namespace

size_t describe_behind(const ReportRequest& request, BehindThread* out) {
  for (size_t i = 0; i < request.behind.step_count; ++i) {
    const BehindStep& step = request.behind.steps[i];
    BehindThread& thread = out[i] = BehindThread{};
    thread.tid = step.tid;
    thread.lock_id = step.holds.empty() ? 0 : lock_id(step.holds.address());
    thread.waits_for = {step.waits_for.address(), step.waits_for.kind()};
    thread.has_timeout = step.waits_for.timeout();
    thread.waited_ns = step.waited_ns;
    g_names.look_up(step.tid, thread.thread);
    if (!still_waits(step.waits_for, step.wait)) return i;
  }
  return request.behind.step_count;
}

void describe_own_wait(const ReportRequest& request, size_t index, Holder* out) {
  const OwnWait& own = request.own_waits[index];
  if (own.waited_ns == 0 || !out->wait.known || !is_seen(own, out->wait)) return;
  if (still_waits(own.lock, own.wait)) out->waited_ns = own.waited_ns;
}

// An inferred hold is in a record that the watcher updates only occasionally; the lock itself is always up to date.
bool hold_goes_on(const HolderState& holder) {
  if (!still_holds(holder)) return false;
  const HoldView& hold = holder.hold;
  if (!holder.holds_lock() || !is_inferred(hold.sites[0].pc)) return true;
  if (holder.inside_call && is_changing_hands(hold.word)) return true;
  return confirm_ownership(hold.word, holder.named()) != Ownership::refuted;
}

void name_thread(int tid, char (&out)[kThreadNameSize]) {
  g_names.look_up(tid, out);
}

void describe_reader(const ReportRequest& request, const FoundReader& reader, Holder* out) {
  *out = Holder{};
  out->tid = reader.tid;
  g_names.look_up(reader.tid, out->thread);
  out->lock = reported_lock(request.state.lock);
  out->lock_id = request.tags[0].id;
  std::memcpy(out->lock_name, request.tags[0].name, sizeof out->lock_name);
  out->access = Access::shared;
  out->acquired = Acquired::by_its_code;
  out->depth = reader.times;
  // What it has when it sleeps, it has had since it fell asleep.
  const uint64_t since_ns = asleep_since_ns(reader.tid);
  if (since_ns != 0) out->held_ns = request.posted_ns - std::min(since_ns, request.posted_ns);
  out->evidence = reader.evidence;
  out->likely = is_guess(reader.evidence);
  out->site_count = 1;
  out->sites[0] = reader.frame;
}

namespace {

// Of a thread that has not been woken: it waits for the condition, not for the mutex.
bool describe_condition_wait(const WaitView& wait, uint64_t waited_ns, Waiter* out) {
  out->waited_ns = waited_ns;
  g_names.look_up(wait.tid, out->thread);
  return wait_lasts(wait.identity) && !has_been_woken(wait.tid, wait.word) && !has_been_left(wait);
}

}  // namespace

bool describe_waiter(const ReportRequest& request, size_t index, Waiter* out) {
  const WaitView& wait = request.state.waiters[index];
  *out = Waiter{};
  out->tid = wait.tid;
  if (request.state.lock == LockWord::condition_waits())
    return describe_condition_wait(wait, request.waited_ns[index], out);
  out->lock_id = request.id_of(wait.word);
  out->access = wait.word.access();
  out->unseen = is_inferred(wait.caller.pc) && !inferred_since_attachment(wait.word);
  out->waited_ns = request.waited_ns[index];
  out->has_timeout = wait.word.timeout();
  if (wait.word.condition()) {
    if (!has_been_woken(wait.tid, wait.word)) return false;
    // It is not known when the thread was woken: it has waited at least from now on.
    out->waited_ns = 0;
  }
  g_names.look_up(wait.tid, out->thread);
  out->tries = wait.tries;
  return wait_lasts(wait.identity) && (wait.tries > 0 || !has_been_left(wait));
}

}  // namespace holdwatch
