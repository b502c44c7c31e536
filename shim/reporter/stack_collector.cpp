// See stack_collector.h.
#include "shim/reporter/stack_collector.h"

#include <algorithm>
#include <cstring>

#include "shim/base/clock.h"
#include "shim/base/clock_line.h"
#include "shim/common/text/text_buffer.h"
#include "shim/inspection/blocked_thread.h"
#include "shim/inspection/inferred_holds.h"
#include "shim/inspection/lock_state.h"
#include "shim/inspection/ownership.h"
#include "shim/inspection/task_files.h"
#include "shim/record/lock_registry.h"
#include "shim/record/thread_table.h"
#include "shim/reporter/holder_facts.h"

namespace holdwatch {
namespace {

// A thread that alternately runs and blocks is captured within a few attempts; more are not worthwhile.
constexpr int kAttempts = 4;
// Threads in a condition wait for the lock's mutex whose system call is read; a pool has many idle workers. And those
// whose condition is looked up.
constexpr size_t kMaxConditionLooks = 256;

// `ns` is indexed by the numbers in `order`.
void sort_longest_first(size_t* order, size_t count, const uint64_t* ns) {
  std::sort(order, order + count, [&](size_t a, size_t b) { return ns[a] != ns[b] ? ns[a] > ns[b] : a < b; });
}

// The front, and then the others, longest first.
void sort_holders(const ReportRequest& request, size_t* order, size_t count) {
  sort_longest_first(order, count, request.held_ns);
  const auto is_front = [&](size_t i) { return request.state.holders[i].hold.tid == request.behind.front; };
  size_t* const front = std::find_if(order, order + count, is_front);
  if (front != order + count) std::rotate(order, front, front + 1);
}

// Keeps only the holder with this identity in `order`; returns how many are left.
size_t keep_only(const Identity& identity, const ReportRequest& request, size_t* order, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    if (request.state.holders[order[i]].hold.identity != identity) continue;
    order[0] = order[i];
    return 1;
  }
  return 0;
}

bool is_about_conditions(const ReportRequest& request) {
  return request.state.lock == LockWord::condition_waits();
}

// The caller's rbp. If frame pointers were followed, the stack pointer of the first site found through them is two
// words above.
uintptr_t bp_at_acquisition(const HoldView& hold) {
  return hold.site_count > 1 ? hold.sites[1].sp - 2 * sizeof(uintptr_t) : hold.bp;
}

// Puts the noted callers at their places on the stack. Returns how many bytes from the acquisition's stack pointer on
// are filled in.
size_t put_back_callers(const HoldView& hold, unsigned char* stack, size_t size) {
  const uintptr_t sp = hold.sites[0].sp;
  size_t used = 2 * hold.word_count * sizeof(uintptr_t);
  for (uint32_t i = 1; i < hold.site_count && hold.sites[i].sp - sp <= size; ++i) used = hold.sites[i].sp - sp;
  std::memset(stack, 0, used);
  const auto put = [&](uintptr_t offset, uintptr_t value) { std::memcpy(stack + offset, &value, sizeof value); };
  for (uint32_t i = 0; i < hold.word_count; ++i) put((2 * i + 1) * sizeof(uintptr_t), hold.words[i]);
  for (uint32_t i = 1; i < hold.site_count && hold.sites[i].sp - sp <= used; ++i) {
    const uintptr_t end = hold.sites[i].sp - sp;
    put(end - sizeof(uintptr_t), hold.sites[i].pc);
    if (i + 1 < hold.site_count) put(end - 2 * sizeof(uintptr_t), hold.sites[i + 1].sp - 2 * sizeof(uintptr_t));
  }
  return used;
}

}  // namespace

RawStack* StackCollector::unwind_unkept(const Snapshot& snapshot) {
  RawStack* stack = arena_.take();
  if (stack == nullptr) return nullptr;
  if (api_ != nullptr) {
    api_->unwind(self_, &snapshot, stack);
  } else if ((snapshot.registers.known & Registers::kIpIsKnown) != 0) {
    stack->frames[0] = {snapshot.registers.ip, snapshot.registers.sp, snapshot.registers.ip_is_exact};
    stack->count = 1;
  }
  stack->when = snapshot.when;
  return stack;
}

RawStack* StackCollector::unwind(const Snapshot& snapshot) {
  RawStack* stack = unwind_unkept(snapshot);
  if (stack != nullptr) arena_.keep(*stack);
  return stack;
}

size_t StackCollector::describe_holders(const ReportRequest& request, Holder* holders) {
  if (has_ended(request.phase)) return describe_ended_holders(request, holders);
  holder_count_ = 0;
  if (is_cycle(request.event) && !cycle_lasts(request.state.holders, request.state.holder_count)) return 0;
  size_t order[kMaxHolders];
  for (size_t i = 0; i < request.state.holder_count; ++i) order[i] = i;
  if (!is_cycle(request.event)) sort_holders(request, order, request.state.holder_count);
  for (size_t i = 0; i < request.state.holder_count; ++i) {
    // The name is also kept for a hold that has just ended: the closing line may need it after the thread has exited.
    describe_holder(request, order[i], &holders[holder_count_]);
    if (is_cycle(request.event) || hold_lasts(request.state.holders[order[i]].hold.identity))
      holders_[holder_count_++] = order[i];
  }
  return holder_count_;
}

size_t StackCollector::describe_ended_holders(const ReportRequest& request, Holder* holders) {
  holder_count_ = request.state.holder_count;
  for (size_t i = 0; i < holder_count_; ++i) holders_[i] = i;
  if (!is_cycle(request.event)) {
    sort_longest_first(holders_, holder_count_, request.held_ns);
    if (request.ended != nullptr)
      holder_count_ = keep_only(request.ended->hold.identity, request, holders_, holder_count_);
  }
  for (size_t i = 0; i < holder_count_; ++i) describe_holder(request, holders_[i], &holders[i]);
  return holder_count_;
}

size_t StackCollector::capture_holders(const ReportRequest& request, Holder* holders) {
  size_t count = 0;
  for (size_t i = 0; i < holder_count_; ++i) {
    if (count != i) holders[count] = holders[i];
    if (capture_holder(request, holders_[i], &holders[count])) ++count;
  }
  if (is_cycle(request.event) && !has_ended(request.phase))
    return cycle_lasts(request.state.holders, request.state.holder_count) ? count : 0;
  return count;
}

void StackCollector::describe_again(const ReportRequest& request, Holder* holders, Waiter* waiters) const {
  for (size_t i = 0; i < holder_count_; ++i) describe_holder(request, holders_[i], &holders[i]);
  for (size_t i = 0; i < waiter_count_; ++i) describe_waiter(request, waiters_[i], &waiters[i]);
}

bool StackCollector::capture_holder(const ReportRequest& request, size_t index, Holder* out) {
  const HoldView& hold = request.state.holders[index].hold;
  if (has_ended(request.phase)) {
    if (request.ended != nullptr && hold.identity == request.ended->hold.identity) capture_release(*request.ended, out);
    return true;
  }
  const HolderState& holder = request.state.holders[index];
  if (holder.holds_lock()) capture_acquired(hold, out);
  if (!hold.gone && out->acquired != Acquired::elsewhere) {
    capture_now(request.event, hold, out);
    describe_own_wait(request, index, out);
  }
  return hold_goes_on(holder);
}

// If the holder waits for another lock, its waiting slot has the exact position; otherwise it is captured. For a sample with
// `seen_sp`.
StackCollector::Position StackCollector::capture_position(const HoldView& hold, uintptr_t* seen_sp) {
  Position position{};
  const uint64_t before_ns = monotonic_ns();
  position.captured = seen_sp == nullptr ? capture_thread(hold.tid, hold.stack_end, &snapshot_)
                                         : holdwatch::capture_sample(hold.tid, hold.stack_end, seen_sp, &snapshot_);
  snapshot_.when = {before_ns, monotonic_ns()};
  WaitView& wait = position.wait;
  position.waits = snapshot_.state == ThreadState::blocked && view_wait_of(hold, &wait) &&
                   (!wait.word.condition() || is_taking_back(snapshot_.call, wait.word.address())) &&
                   !has_been_left(wait);
  return position;
}

RawStack* StackCollector::unwind(const Position& position, const HoldView& hold) {
  return unwind_unkept(position.waits ? at_wait(position.wait, hold.stack_end) : snapshot_);
}

bool StackCollector::has_stayed(const Position& position) const {
  return capture_unchanged(snapshot_) && (!position.waits || is_same_wait(position.wait));
}

const RawStack* StackCollector::capture_sample(const HoldView& hold, uintptr_t* seen_sp, ThreadState* state) {
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const Position position = capture_position(hold, seen_sp);
    *state = snapshot_.state;
    if (!position.captured) return nullptr;
    const RawStack* const stack = unwind(position, hold);
    if (stack == nullptr || has_stayed(position)) return stack;
  }
  return nullptr;
}

void StackCollector::capture_now(Event event, const HoldView& hold, Holder* out) {
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const Position position = capture_position(hold, nullptr);
    out->state = snapshot_.state;
    out->call = snapshot_.call;
    if (!is_cycle(event)) out->waits_for = position.waits ? lock_id(position.wait.word.address()) : 0;
    if (!describe_activity(out) && attempt + 1 < kAttempts) continue;
    find_holding_frame(hold, out);
    RawStack* stack = unwind(position, hold);
    if (stack == nullptr) return;
    if (snapshot_.why_short[0] != '\0' && stack->note[0] == '\0')
      std::memcpy(stack->note, snapshot_.why_short, kNoteSize);
    const bool stayed = !position.captured || has_stayed(position);
    if (!stayed && attempt + 1 < kAttempts) continue;
    if (!stayed) {
      stack->count = 0;
      stack->complete = false;
      TextBuffer(stack->note, sizeof stack->note) << "the stack changed each time it was read";
    }
    arena_.keep(*stack);
    out->now = stack;
    return;
  }
}

size_t StackCollector::add_readers(const ReportRequest& request, Holder* holders, size_t count) {
  FoundReader found[kMaxHolders];
  int recorded[kMaxHolders];
  if (api_ == nullptr || count == kMaxHolders) return count;
  uint32_t holds = 0;
  for (size_t i = 0; i < count; ++i) {
    recorded[i] = holders[i].tid;
    holds += holders[i].depth;
  }
  const size_t readers =
      api_->find_readers(self_, request.state.lock.address(), recorded, count, holds, found, kMaxHolders - count);
  for (size_t i = 0; i < readers; ++i) {
    if (capture_reader(request, found[i], &holders[count])) ++count;
  }
  return count;
}

// It has not run since its frames were looked at if it is still in the same call, to which the frame belongs.
bool StackCollector::capture_reader(const ReportRequest& request, const FoundReader& reader, Holder* out) {
  describe_reader(request, reader, out);
  const uint64_t before_ns = monotonic_ns();
  if (!capture_thread(reader.tid, 0, &snapshot_)) return false;
  snapshot_.when = {before_ns, monotonic_ns()};
  out->state = snapshot_.state;
  out->call = snapshot_.call;
  describe_activity(out);
  out->now = unwind(snapshot_);
  const auto is_its_frame = [&](const RawFrame& frame) { return frame.pc == reader.frame.pc; };
  return out->now != nullptr && capture_unchanged(snapshot_) &&
         std::any_of(out->now->frames, out->now->frames + out->now->count, is_its_frame);
}

// Of a hold whose lock call was not seen.
void StackCollector::find_holding_frame(const HoldView& hold, Holder* out) {
  const bool is_unseen = out->acquired == Acquired::before_attach || out->acquired == Acquired::unseen;
  if (api_ == nullptr || !is_unseen || hold.word.empty()) return;
  const LockRef lock{hold.word.address(), hold.word.kind()};
  out->site_count = api_->find_holding_frame(self_, &snapshot_, lock, &out->sites[0]) ? 1 : 0;
}

// The snapshot with the position that the lock call has noted, if it has.
Snapshot StackCollector::at_wait(const WaitView& wait, uintptr_t stack_end) const {
  Snapshot at_call = snapshot_;
  if (is_inferred(wait.caller.pc)) return at_call;
  Snapshot noted;
  capture_from_call_site(wait.tid, wait.caller.pc, wait.caller.sp, wait.caller.bp, stack_end, &noted);
  at_call.registers = noted.registers;
  return at_call;
}

// An inferred wait may have been found anew meanwhile, and be the same: then the thread has not run.
bool StackCollector::is_same_wait(const WaitView& wait) const {
  return wait_lasts(wait.identity) || (is_inferred(wait.caller.pc) && capture_lasts(snapshot_));
}

// What the thread is doing, determined before anything that takes long, such as reading unwind tables for the first
// time. False if the thread has run meanwhile, so that memory and descriptors may belong to another call: then only the
// call itself is described.
bool StackCollector::describe_activity(Holder* out) {
  out->doing[0] = '\0';
  out->wait = {};
  out->chain = {};
  if (api_ == nullptr) return true;
  api_->describe(self_, &snapshot_, out->waits_for, false, &out->wait, out->doing, sizeof out->doing);
  add_readers(&out->wait);
  follow_wait(out);
  if (capture_lasts(snapshot_)) return true;
  out->chain = {};
  api_->describe(self_, &snapshot_, out->waits_for, true, &out->wait, out->doing, sizeof out->doing);
  return false;
}

// Since an attachment, what was read before it is in no record.
void StackCollector::add_readers(Wait* wait) const {
  const bool is_unknown = wait->known && wait->kind == WaitKind::rwlock && wait->ender_count == 0;
  const LockWord lock(reinterpret_cast<const void*>(wait->object), LockKind::rwlock, Access::shared);
  if (!is_unknown || !inferred_since_attachment(lock)) return;
  FoundReader found[kMaxEnders];
  const size_t count = api_->find_readers(self_, wait->object, nullptr, 0, 0, found, kMaxEnders);
  for (size_t i = 0; i < count; ++i) {
    Ender& ender = wait->enders[wait->ender_count++] = {0, found[i].tid, found[i].evidence, {}};
    name_thread(found[i].tid, ender.thread);
  }
  if (count > 0) wait->gap = EnderGap::none;
}

// Locks that are waited for along the way get ids as if they were reported.
void StackCollector::follow_wait(Holder* out) {
  WaitChain& chain = out->chain;
  api_->follow(self_, out->tid, &out->wait, &chain);
  const auto id_of = [](const Wait& wait) {
    const bool is_lock = wait.kind == WaitKind::mutex || wait.kind == WaitKind::rwlock;
    return is_lock ? lock_id(wait.object) : 0;
  };
  const Wait* before = &out->wait;
  for (uint32_t i = 0; i < chain.count; ++i) {
    chain.threads[i].lock_id = id_of(*before);
    before = &chain.threads[i].wait;
  }
  if (chain.comes_back) chain.back_lock_id = id_of(*before);
}

// The stack copied at the acquisition (STACKS=full, or at a site that needs copies).
void StackCollector::capture_acquired(const HoldView& hold, Holder* out) {
  if (is_inferred(hold.sites[0].pc)) return;
  const size_t size = copy_acquired_stack(hold.site, acquired_stack_, sizeof acquired_stack_);
  if (size == 0) return capture_noted_callers(hold, out);
  unwind_acquired(hold, acquired_stack_, size, out);
}

void StackCollector::unwind_acquired(const HoldView& hold, const unsigned char* copy, size_t size, Holder* out) {
  capture_from_call_site(hold.tid, hold.sites[0].pc, hold.sites[0].sp, bp_at_acquisition(hold), hold.stack_end,
                         &snapshot_);
  snapshot_.when = out->acquired_when;
  snapshot_.copy = copy;
  snapshot_.copy_address = hold.sites[0].sp;
  snapshot_.copy_size = size;
  snapshot_.copy_is_old = true;
  out->taken = unwind(snapshot_);
  out->taken_is_part = size == kUsualCopySize && out->taken != nullptr && !out->taken->complete;
}

// The innermost frames, from the words of the stack that the acquisition noted, placed at their addresses with gaps in
// between. The unwinder reads what it needs, and stops at a word that was not noted.
void StackCollector::capture_noted_callers(const HoldView& hold, Holder* out) {
  if ((hold.word_count == 0 && hold.site_count < 2) || api_ == nullptr) return;
  out->taken = unwind_noted_callers(hold, out->acquired_when);
  out->taken_is_part = true;
}

RawStack* StackCollector::unwind_noted_callers(const HoldView& hold, const Period& when) {
  const uintptr_t sp = hold.sites[0].sp;
  capture_from_call_site(hold.tid, hold.sites[0].pc, sp, bp_at_acquisition(hold), hold.stack_end, &snapshot_);
  snapshot_.when = when;
  snapshot_.copy = acquired_stack_;
  snapshot_.copy_address = sp;
  snapshot_.copy_size = put_back_callers(hold, acquired_stack_, sizeof acquired_stack_);
  snapshot_.copy_is_old = true;
  return unwind(snapshot_);
}

PassedBy StackCollector::describe_passed(const ReportRequest& request) const {
  const PassedHolds& passed = request.passed;
  PassedBy out{};
  if (passed.holds == 0) return out;
  out.holds = passed.holds;
  out.reads = passed.reads;
  out.tid = passed.tid;
  name_thread(passed.tid, out.thread);
  out.writes = passed.writes;
  out.prefers_readers = lets_readers_in(request.state.lock);
  out.passers = passed.passers;
  out.passer_count = passed.passer_count;
  return out;
}

// Most sites need no callers: there the call itself is in the function that took the lock.
void StackCollector::capture_passed(const ReportRequest& request, PassedBy* out) {
  const PassedHolds& passed = request.passed;
  if (out->holds == 0) return;
  for (size_t i = 0; i < passed.place_count; ++i) {
    const HoldView& hold = passed.places[i];
    passed_places_[i] = unwind_noted_callers(hold, {earliest_start_ns(hold), request.posted_ns});
  }
  out->places = passed_places_;
  out->place_count = passed.place_count;
}

void StackCollector::capture_release(const EndedHold& ended, Holder* out) {
  if (ended.acquired_size > 0)
    unwind_acquired(ended.hold, ended.acquired, ended.acquired_size, out);
  else
    capture_noted_callers(ended.hold, out);
  capture_from_call_site(ended.hold.tid, ended.caller.pc, ended.caller.sp, ended.caller.bp, ended.hold.stack_end,
                         &snapshot_);
  snapshot_.when = {ended.released_ns, ended.released_ns};
  snapshot_.copy = ended.stack;
  snapshot_.copy_address = ended.caller.sp;
  snapshot_.copy_size = ended.stack_size;
  snapshot_.copy_is_old = true;
  out->now = unwind(snapshot_);
}

size_t StackCollector::describe_waiters(const ReportRequest& request, Waiter* waiters) {
  waiter_count_ = 0;
  if (has_ended(request.phase)) return 0;
  size_t order[kMaxWaiters];
  for (size_t i = 0; i < request.state.waiter_count; ++i) order[i] = i;
  sort_longest_first(order, request.state.waiter_count, request.waited_ns);
  size_t looks = 0;
  for (size_t i = 0; i < request.state.waiter_count; ++i) {
    const bool may_be_woken = request.state.waiters[order[i]].word.condition() && !is_about_conditions(request);
    if (may_be_woken && ++looks > kMaxConditionLooks) continue;
    if (describe_waiter(request, order[i], &waiters[waiter_count_])) waiters_[waiter_count_++] = order[i];
  }
  return waiter_count_;
}

size_t StackCollector::capture_waiters(const ReportRequest& request, Waiter* waiters) {
  size_t count = 0;
  for (size_t i = 0; i < waiter_count_; ++i) {
    if (count != i) waiters[count] = waiters[i];
    const WaitView& wait = request.state.waiters[waiters_[i]];
    const bool lasts = is_about_conditions(request)
                           ? capture_condition_wait(wait, i < kMaxConditionLooks, &waiters[count])
                           : capture_waiter(wait, &waiters[count]);
    if (lasts) ++count;
  }
  return count;
}

// The condition is known from the system call. The callers are those that the call has noted.
bool StackCollector::capture_condition_wait(const WaitView& wait, bool names_condition, Waiter* out) {
  const uint64_t before_ns = monotonic_ns();
  if (!capture_thread(wait.tid, wait.stack_end, &snapshot_)) return false;
  if (is_taking_back(snapshot_.call, wait.word.address())) return false;
  snapshot_.when = {before_ns, monotonic_ns()};
  if (names_condition) out->object = condition_of_snapshot();
  if (out->object != 0) out->lock_id = lock_id(out->object);
  capture_from_call_site(wait.tid, wait.caller.pc, wait.caller.sp, wait.caller.bp, wait.stack_end, &snapshot_);
  snapshot_.when = {before_ns, monotonic_ns()};
  out->stack = unwind(snapshot_);
  return wait_lasts(wait.identity) && !has_been_left(wait);
}

// 0: not known.
uintptr_t StackCollector::condition_of_snapshot() {
  if (api_ == nullptr) return 0;
  Wait wait{};
  char doing[kDoingSize];
  api_->describe(self_, &snapshot_, 0, false, &wait, doing, sizeof doing);
  return wait.known && wait.kind == WaitKind::condition && capture_lasts(snapshot_) ? wait.object : 0;
}

// A thread that polls is somewhere between two tries. If it sleeps there, its stack shows where; a running one is left alone.
void StackCollector::capture_poller(const WaitView& poll, Waiter* out) {
  const uint64_t before_ns = monotonic_ns();
  const bool sleeps = capture_blocked(poll.tid, poll.stack_end, &snapshot_);
  snapshot_.when = {before_ns, monotonic_ns()};
  RawStack* stack = sleeps ? unwind_unkept(snapshot_) : nullptr;
  if (stack == nullptr || !capture_unchanged(snapshot_)) {
    HoldView call{};
    call.tid = poll.tid;
    call.sites[0] = {poll.caller.pc, poll.caller.sp};
    call.site_count = 1;
    out->stack = unwind_noted_callers(call, {before_ns, monotonic_ns()});
    return;
  }
  arena_.keep(*stack);
  out->stack = stack;
}

bool StackCollector::capture_waiter(const WaitView& wait, Waiter* out) {
  if (wait.tries > 0) {
    capture_poller(wait, out);
    return wait_lasts(wait.identity);
  }
  const uint64_t before_ns = monotonic_ns();
  if (wait.word.condition() || is_inferred(wait.caller.pc)) {
    const bool captured = capture_thread(wait.tid, wait.stack_end, &snapshot_);
    if (wait.word.condition() && (!captured || !is_taking_back(snapshot_.call, wait.word.address()))) return false;
  }
  if (!is_inferred(wait.caller.pc))
    capture_from_call_site(wait.tid, wait.caller.pc, wait.caller.sp, wait.caller.bp, wait.stack_end, &snapshot_);
  snapshot_.when = {before_ns, monotonic_ns()};
  out->stack = unwind(snapshot_);
  return wait_lasts(wait.identity) && !has_been_left(wait);
}

}  // namespace holdwatch
