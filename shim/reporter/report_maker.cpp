// See report_maker.h.
#include "shim/reporter/report_maker.h"

#include <algorithm>
#include <cstring>

#include "shim/common/text/left_stream.h"
#include "shim/common/text/text_buffer.h"
#include "shim/common/text/unknown_readers.h"
#include "shim/fallback/plain_report.h"
#include "shim/handoff/found_readers.h"
#include "shim/inspection/inferred_holds.h"
#include "shim/inspection/loader_locks.h"
#include "shim/inspection/ownership.h"
#include "shim/own_threads/seccomp_state.h"
#include "shim/record/ended_holds.h"
#include "shim/record/thread_table.h"
#include "shim/reporter/holder_facts.h"

namespace holdwatch {
namespace {

// Whether the holders or waiters that the finding is about were found again.
bool is_still_true(const Finding& finding) {
  if (!is_about_waits(finding.event)) return finding.holder_count > 0;
  return finding.waiter_count > 0 || has_ended(finding.phase);
}

// Of a wait: a hold is reported for its own sake.
bool may_have_unrecorded_readers(const ReportRequest& request) {
  return request.event == Event::wait && !has_ended(request.phase) && request.state.lock.kind() == LockKind::rwlock;
}

// If the front has released the lock, those who wait for its end are not behind another holder.
void keep_behind_front(const ReportRequest& request, Finding& finding) {
  const bool is_front = finding.holder_count > 0 && finding.holders[0].tid == request.behind.front;
  if (is_front || request.behind.front == 0) return;
  finding.behind_count = finding.behind_left_out = finding.behind_threads = 0;
  finding.behind_longest_ns = finding.behind_lost_ns = 0;
}

// The one that all wait for, if it is the same.
void name_condition(Finding& finding) {
  const Waiter* const end = finding.waiters + finding.waiter_count;
  const bool is_one = std::all_of(finding.waiters, end,
                                  [&](const Waiter& waiter) { return waiter.object == finding.waiters[0].object; });
  if (!is_one || finding.waiter_count == 0) return;
  finding.lock.address = finding.waiters[0].object;
  finding.lock_id = finding.waiters[0].lock_id;
}

}  // namespace

void ReportMaker::process(ReportRequest& request, ReportOutput& output) {
  const SystemCallScope calls;
  stack_collector_.use(output.api(), output.self());
  if (is_wanted(request, output)) report(request, output);
  request.first_line_written.store(true);
  if (request.ended != nullptr) free_ended_hold(request.ended);
  stack_collector_.release();
  if (output.api() != nullptr) output.api()->end_stacks(output.self());
}

// The first line needs no stack and is written before any is captured: unwinding and symbols take long if tables or
// debug data have to be read. Unless it would call the holder unknown that the stacks may show.
void ReportMaker::report(ReportRequest& request, ReportOutput& output) {
  const Finding described = describe(request);
  if (!is_still_true(described)) return;
  const bool needs_stacks = described.holder_count == 0 && may_have_unrecorded_readers(request);
  const bool first_line_is_out = !needs_stacks && output.write_first_line(described);
  Finding finding = described;
  if (!capture(request, finding)) {
    if (!first_line_is_out) return;
    keep_described_facts(request, described, finding);
  } else {
    sampler_.note_captures(finding, output);
  }
  if (output.write(finding, request.first_line_written) == ReportOutcome::written)
    sampler_.follow(request, finding, output);
  reported_.note(finding);
}

// Whether anything should be captured for the request: not if RATE suppresses it, and not if it continues an episode
// whose first report was dropped because it was no longer true.
bool ReportMaker::is_wanted(const ReportRequest& request, const ReportOutput& output) {
  const Phase phase = reported_phase(request);
  if ((phase == Phase::still || phase == Phase::released) && !reported_.has(request.episode) &&
      !had_fallback_report(request.episode))
    return false;
  const SymbolizerApi* const api = output.api();
  if (api == nullptr || api->admit(output.self(), request.event, phase, request.episode)) return true;
  reported_.note(request.episode);
  return false;
}

// Everything about the request that is (still) true, without stacks.
Finding ReportMaker::describe(ReportRequest& request) {
  Finding finding{};
  finding.event = request.event;
  finding.phase = reported_phase(request);
  finding.episode = request.episode;
  finding.until_ns = request.until_ns;
  finding.wall_clock_ns = request.wall_clock_ns;
  finding.limit_ns = request.limit_ns;
  finding.lock = reported_lock(request.state.lock);
  finding.lock_id = request.tags[0].id;
  std::memcpy(finding.lock_name, request.tags[0].name, sizeof finding.lock_name);
  finding.lost_ns = request.lost_ns;
  finding.threads_delayed = request.threads_delayed;
  finding.behind_threads = request.behind.threads;
  finding.behind_longest_ns = request.behind.longest_ns;
  finding.behind_lost_ns = request.behind_lost_ns;
  if (has_ended(finding.phase)) finding.threads_seen = request.threads_seen;
  finding.behind = behind_;
  finding.behind_count = describe_behind(request, behind_);
  finding.behind_left_out = finding.behind_count == request.behind.step_count ? request.behind.steps_left_out : 0;
  finding.unrecorded_holds = unrecorded_holds();
  finding.unreported_holds = ended_holds_lost();
  finding.released_by_holder = request.ended != nullptr;
  finding.holders = holders_;
  finding.waiters = waiters_;
  finding.waiters_left_out = request.state.waiters_left_out;
  finding.was_seen = finding.phase == Phase::late && request.phase == Phase::released;
  finding.had_fallback_report = had_fallback_report(request.episode);
  finding.first_line_written = &request.first_line_written;
  finding.holder_count = stack_collector_.describe_holders(request, holders_);
  keep_behind_front(request, finding);
  finding.waiter_count = stack_collector_.describe_waiters(request, waiters_);
  finding.passed = stack_collector_.describe_passed(request);
  reported_.complete(finding);
  TextBuffer note(finding.note, sizeof finding.note);
  if (request.state.holders_left_out > 0)
    note << request.state.holders_left_out << " more holders are not shown";
  else if (request.unclear_owner != 0 && finding.holder_count == 0)
    note << "the lock names thread " << request.unclear_owner << ", which may be one of another pid namespace";
  else if (finding.holder_count == 0 && is_left_by_exited(request.state.lock))
    note << kLeftByExited;
  return finding;
}

// Adds the stacks. False if what the finding is about has ended meanwhile.
bool ReportMaker::capture(const ReportRequest& request, Finding& finding) {
  finding.holder_count = stack_collector_.capture_holders(request, holders_);
  keep_behind_front(request, finding);
  finding.waiter_count = stack_collector_.capture_waiters(request, waiters_);
  if (finding.lock.kind == LockKind::condition) name_condition(finding);
  stack_collector_.capture_passed(request, &finding.passed);
  // Whether others than the holder are on the way to the root is known now.
  if (finding.holder_count > 0 && holders_[0].chain.count > 1) finding.behind_lost_ns += request.behind.way_lost_ns;
  if (may_have_unrecorded_readers(request)) add_readers(request, finding);
  if (request.state.holder_count == 0 && finding.holder_count > 0)
    note_found_readers(request.episode,
                       {holders_[0].tid, holders_[0].likely, static_cast<uint32_t>(finding.holder_count)});
  return is_still_true(finding);
}

// Those that are in no record, and how many are left that nothing names: unless some come and go, which their records show.
void ReportMaker::add_readers(const ReportRequest& request, Finding& finding) {
  const bool are_all_earlier = finding.holder_count == 0 && inferred_since_attachment(request.state.lock);
  finding.holder_count = stack_collector_.add_readers(request, holders_, finding.holder_count);
  if (!are_all_earlier) return;
  size_t known = 0;
  for (size_t i = 0; i < finding.holder_count; ++i) known += holders_[i].depth;
  const size_t readers =
      access_of_nameless(request.state.lock) == Access::shared ? reader_count(request.state.lock) : 0;
  if (readers <= known || finding.note[0] != '\0') return;
  TextBuffer note(finding.note, sizeof finding.note);
  append_unknown_readers(readers - known, known > 0, note);
}

// What the first line states was true a moment ago, and stays in the report. Where the threads are now no longer
// belongs to it.
void ReportMaker::keep_described_facts(const ReportRequest& request, const Finding& described, Finding& finding) {
  stack_collector_.describe_again(request, holders_, waiters_);
  finding.holder_count = described.holder_count;
  finding.waiter_count = described.waiter_count;
  TextBuffer(finding.note, sizeof finding.note) << "it ended while this report was being written";
}

// A hold that ended before it could be captured has not been reported yet: what the releasing thread handed over
// becomes a late report.
Phase ReportMaker::reported_phase(const ReportRequest& request) const {
  const bool unreported_end = request.phase == Phase::released && !reported_.has(request.episode);
  return unreported_end && is_about_holds(request.event) && request.ended != nullptr ? Phase::late : request.phase;
}

}  // namespace holdwatch
