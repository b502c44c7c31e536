// See learnt_enders.h.
#include "symbolizer/waits/learnt_enders.h"

#include <linux/futex.h>
#include <pthread.h>
#include <semaphore.h>

#include <vector>

#include "symbolizer/proc/monotonic_clock.h"
#include "symbolizer/waits/asleep_on.h"
#include "symbolizer/waits/thread_snapshot.h"

namespace holdwatch {
namespace {

// 0 for a kind that is not learnt.
size_t size_of_object(WaitKind kind) {
  if (kind == WaitKind::condition) return sizeof(pthread_cond_t);
  if (kind == WaitKind::semaphore) return sizeof(sem_t);
  if (kind == WaitKind::barrier) return sizeof(pthread_barrier_t);
  return kind == WaitKind::atomic || kind == WaitKind::futex ? sizeof(uint32_t) : 0;
}

// A futex call without the flag may be woken from another process. Of other libraries' words that proves nothing: many leave
// the flag out.
bool is_shared(const Wait& wait, const SystemCall& call) {
  const bool is_of_libc =
      wait.kind == WaitKind::condition || wait.kind == WaitKind::semaphore || wait.kind == WaitKind::barrier;
  return is_of_libc && (call.arguments[1] & FUTEX_PRIVATE_FLAG) == 0;
}

bool is_on_stack_of(const Snapshot& thread, uintptr_t object) {
  return (thread.registers.known & Registers::kSpIsKnown) != 0 && object >= thread.registers.sp &&
         object < thread.stack_end;
}

class Candidates {
 public:
  Candidates(const Wait& wait, int waiter, const WaitingProcess& process, const SleepsOn& sleeps_on)
      : wait_(wait), waiter_(waiter), process_(process), sleeps_on_(sleeps_on) {}

  void add(int tid) {
    if (tid == waiter_) return;
    const int id = tid < 0 ? 0 : process_.thread_with_id(tid);
    if (id == 0)
      ++exited_;
    else if (const auto sleeps = sleeps_on_(id, wait_.object, size_of_object(wait_.kind)); !sleeps.value_or(false))
      tids_.push_back(id);
  }

  // Whether these are all, and each can end the wait.
  bool are_enders() const {
    const size_t wanted = wait_.kind == WaitKind::barrier ? wait_.needed - wait_.arrived : 1;
    return tids_.size() == wanted && wanted <= kMaxEnders;
  }
  const std::vector<int>& tids() const { return tids_; }
  EnderGap gap() const {
    if (!tids_.empty()) return EnderGap::several;
    return exited_ > 0 ? EnderGap::exited : EnderGap::unseen;
  }

 private:
  const Wait& wait_;
  const int waiter_;
  const WaitingProcess& process_;
  const SleepsOn& sleeps_on_;
  std::vector<int> tids_;
  size_t exited_ = 0;
};

void note_last(const LearntEnds& learnt, int waiter, Wait& wait) {
  if (!learnt.last_is_known || wait.kind == WaitKind::barrier) return;
  const uint32_t last = learnt.count > 0 && learnt.ends[0].tid == waiter ? 1 : 0;
  if (last >= learnt.count) return;
  wait.last = {0, learnt.ends[last].tid, Evidence::learnt, {}};
  wait.last_is_before = last > 0;
  wait.last_pc = learnt.ends[last].pc;
  wait.last_ns = learnt.ends[last].at_ns;
}

}  // namespace

void add_learnt_enders(Wait& wait, const SystemCall& call, const Snapshot& waiter, const WaitingProcess& process,
                       const SleepsOn& sleeps_on) {
  const size_t size = wait.known ? size_of_object(wait.kind) : 0;
  if (size == 0 || wait.ender_count > 0) return;
  wait.gap = EnderGap::unseen;
  if (is_shared(wait, call))
    wait.gap = EnderGap::processes;
  else if (!process.learnt_ends)
    wait.gap = EnderGap::unwatched;
  else if (is_on_stack_of(waiter, wait.object))
    wait.gap = EnderGap::on_stack;
  if (wait.gap != EnderGap::unseen || wait.object == 0) return;
  const LearntEnds learnt = process.learnt_ends(wait.object, size);
  note_last(learnt, waiter.tid, wait);
  Candidates candidates(wait, waiter.tid, process, sleeps_on);
  for (uint32_t i = 0; i < learnt.count; ++i) candidates.add(learnt.ends[i].tid);
  wait.gap = learnt.all_are_known || learnt.count == 0 ? candidates.gap() : EnderGap::several;
  if (!learnt.all_are_known || !candidates.are_enders()) return;
  wait.gap = EnderGap::none;
  for (const int one : candidates.tids()) wait.enders[wait.ender_count++] = {0, one, Evidence::learnt, {}};
}

void add_repetition(Wait& wait, int tid, const WaitingProcess& process) {
  const bool may_be_slice = wait.known && wait.kind == WaitKind::condition && wait.object != 0 && wait.has_timeout;
  if (!may_be_slice || !process.repeated_wait) return;
  const RepeatedWait noted = process.repeated_wait(tid, wait.object, size_of_object(wait.kind));
  if (noted.timeouts == 0) return;
  const uint64_t now_ns = monotonic_now_ns();
  wait.timeouts = noted.timeouts;
  wait.repeated_ns = now_ns - noted.since_ns;
  if (wait.timeout_is_known) wait.slice_ns = now_ns - noted.began_ns + wait.timeout_ns;
}

std::optional<bool> sleeps_on(int tid, uintptr_t object, size_t size) {
  const auto thread = look_at_thread(ThreadFiles::of_ours(tid));
  if (!thread) return std::nullopt;
  return thread->snapshot.state == ThreadState::blocked && is_asleep_on(thread->snapshot, object, size);
}

}  // namespace holdwatch
