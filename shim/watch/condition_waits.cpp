// See condition_waits.h.
#include "shim/watch/condition_waits.h"

#include <algorithm>

#include "shim/common/glibc/futex_wait.h"
#include "shim/handoff/wanted_reports.h"
#include "shim/inspection/task_files.h"
#include "shim/record/view_walk.h"
#include "shim/watch/post_request.h"

namespace holdwatch {
namespace {

// The word on which the thread sleeps, 0 if that is not known.
uintptr_t futex_word_of(int tid) {
  SyscallFile file{};
  if (read_syscall_file(tid, &file) != 0 || file.kind != SyscallFile::Kind::in_call || !file.call.known) return 0;
  const auto futex = futex_wait(file.call);
  return futex ? futex->word : 0;
}

bool view_same_wait(const Identity& identity, WaitView* out) {
  return view_wait(identity.record, out) && out->identity == identity;
}

}  // namespace

void ConditionWaits::reset() {
  for (Batch& batch : batches_) batch.state = State::free;
  limit_ns_ = due_ns_ = passed_until_ns_ = 0;
}

// False if no rule asks for condition waits.
bool ConditionWaits::begin_look() {
  const uint64_t limit_ns = wanted_condition_waits_ns();
  if (limit_ns != limit_ns_) reset();
  limit_ns_ = limit_ns;
  return limit_ns != 0;
}

void ConditionWaits::look_for_new(const Timing& timing) {
  const uint64_t now_ns = timing.now_ns();
  if (now_ns < due_ns_) return;
  uint64_t due_ns = now_ns + limit_ns_;
  uint64_t passed_until_ns = passed_until_ns_;
  bool all = true;
  const uint64_t oldest_ns = for_each_wait(age_ns(limit_ns_, now_ns), [&](const WaitView& wait) {
    if (!wait.word.condition()) return;
    const uint64_t started_ns = timing.started_ns(wait);
    if (!is_over(age_ns(started_ns, now_ns), limit_ns_)) {
      due_ns = std::min(due_ns, started_ns + limit_ns_);
      return;
    }
    if (started_ns <= passed_until_ns_ || is_tracked(wait.identity)) return;
    passed_until_ns = std::max(passed_until_ns, started_ns);
    all = add(wait, started_ns) && all;
  });
  // Those for which there was no room are looked for again.
  if (all) passed_until_ns_ = passed_until_ns;
  due_ns_ = oldest_ns == UINT64_MAX ? due_ns : std::min(due_ns, timing.latest_ns(oldest_ns) + limit_ns_);
}

bool ConditionWaits::is_tracked(const Identity& identity) const {
  return std::any_of(batches_, batches_ + kMaxBatches, [&](const Batch& batch) {
    return batch.state != State::free &&
           std::any_of(batch.waits, batch.waits + batch.count,
                       [&](const TrackedWait& wait) { return wait.identity == identity; });
  });
}

// The new one for this condition, or a free one; null if there is none.
ConditionWaits::Batch* ConditionWaits::batch_for(const WaitView& wait) {
  const uintptr_t word = futex_word_of(wait.tid);
  Batch* free = nullptr;
  for (Batch& batch : batches_) {
    if (batch.state == State::free && free == nullptr) free = &batch;
    if (batch.state == State::is_new && batch.mutex == wait.word && batch.word == word) return &batch;
  }
  if (free == nullptr) return nullptr;
  *free = {};
  free->state = State::is_new;
  free->mutex = wait.word;
  free->word = word;
  return free;
}

bool ConditionWaits::add(const WaitView& wait, uint64_t started_ns) {
  Batch* const batch = batch_for(wait);
  if (batch == nullptr) return false;
  if (batch->count == kMaxWaits)
    ++batch->left_out;
  else
    batch->waits[batch->count++] = {wait.identity, started_ns};
  return true;
}

// The age of the oldest that lasts, 0 if none does.
uint64_t ConditionWaits::note_ends(Batch& batch, uint64_t now_ns) {
  uint64_t oldest_ns = 0;
  for (TrackedWait* wait = batch.waits; wait != batch.waits + batch.count; ++wait) {
    if (wait->started_ns == 0) continue;
    if (wait_lasts(wait->identity)) {
      oldest_ns = std::max(oldest_ns, age_ns(wait->started_ns, now_ns));
    } else {
      batch.lost_ns += age_ns(wait->started_ns, batch.last_look_ns);
      wait->started_ns = 0;
    }
  }
  if (oldest_ns != 0) batch.last_look_ns = now_ns;
  return oldest_ns;
}

void ConditionWaits::follow(Batch& batch, const Timing& timing, bool repeats) {
  const bool is_new = batch.state == State::is_new;
  uint64_t wanted_ns = 0;
  if (!is_new && take_wanted_report(batch.number, &wanted_ns)) {
    batch.next_age_ns = wanted_ns;
    batch.is_wanted = true;
  }
  const uint64_t oldest_ns = note_ends(batch, timing.now_ns());
  if (oldest_ns == 0 || wanted_ns == kNeverWanted) {
    const bool has_line = !is_new && wanted_ns != kNeverWanted;
    if (!has_line || post(batch, Phase::released, timing)) batch.state = State::free;
    return;
  }
  const bool is_due = is_new || ((repeats || batch.is_wanted) && oldest_ns >= batch.next_age_ns);
  if (!is_due || !post(batch, is_new ? Phase::over : Phase::still, timing)) return;
  batch.state = State::is_posted;
  batch.is_wanted = false;
  batch.next_age_ns = next_report_age_ns(oldest_ns, limit_ns_);
}

bool ConditionWaits::post(const Batch& batch, Phase phase, const Timing& timing) const {
  ReportRequest* const request = begin_condition_waits(batch.number, phase, limit_ns_, timing);
  if (request == nullptr) return false;
  request->lost_ns = batch.lost_ns;
  request->threads_delayed = batch.count;
  for (const TrackedWait* wait = batch.waits; wait != batch.waits + batch.count && !has_ended(phase); ++wait) {
    WaitView view;
    if (wait->started_ns == 0) continue;
    request->lost_ns += age_ns(wait->started_ns, timing.now_ns());
    if (view_same_wait(wait->identity, &view)) add_condition_wait(*request, view, timing);
  }
  request->state.waiters_left_out += batch.left_out;
  report_queue().post();
  return true;
}

size_t report_condition_waits(const Timing& timing) {
  ReportRequest* const request = begin_condition_waits(0, Phase::snapshot, 0, timing);
  if (request == nullptr) return 0;
  for_each_wait(UINT64_MAX, [&](const WaitView& wait) {
    if (wait.word.condition()) add_condition_wait(*request, wait, timing);
  });
  const size_t count = request->state.waiter_count + request->state.waiters_left_out;
  if (count > 0) report_queue().post();
  return count;
}

}  // namespace holdwatch
