// See hold_sampler.h.
#include "shim/reporter/hold_sampler.h"

#include <algorithm>

#include "shim/base/clock.h"
#include "shim/common/contract/hold_sample.h"
#include "shim/handoff/watch_stops.h"
#include "shim/own_threads/seccomp_state.h"
#include "shim/record/view.h"
#include "shim/reporter/holder_facts.h"

namespace holdwatch {
namespace {

// Of the reporter's time, samples take one fiftieth at most: a stall of many threads must not cost much on top.
constexpr uint64_t kShare = 50;

bool can_be_sampled(const HolderState& holder) {
  return holder.holds_lock() && !holder.hold.gone && holder.where != Whereabouts::elsewhere;
}

// Null: it is not among those reported.
const Holder* holder_of(const Finding& finding, const HoldView& hold) {
  const Holder* const end = finding.holders + finding.holder_count;
  const Holder* const found = std::find_if(finding.holders, end, [&](const Holder& holder) {
    return holder.tid == hold.tid && holder.acquired_when.from_ns == earliest_start_ns(hold);
  });
  return found == end ? nullptr : found;
}

}  // namespace

void HoldSampler::note(int tid, ThreadState state, const RawStack* stack, uint64_t now_ns, const ReportOutput& output) {
  const SymbolizerApi* const api = output.api();
  if (api == nullptr) return;
  schedule_.captured(tid, now_ns, [&](const SampledHold& hold) {
    const HoldSample sample = {hold.episode, tid, earliest_start_ns(hold.holder.hold), now_ns, state, stack};
    return api->add_sample(output.self(), &sample);
  });
}

void HoldSampler::note_captures(const Finding& finding, const ReportOutput& output) {
  if (has_ended(finding.phase)) return;
  for (size_t i = 0; i < finding.holder_count; ++i) {
    const Holder& holder = finding.holders[i];
    if (holder.now != nullptr) note(holder.tid, holder.state, holder.now, monotonic_ns(), output);
  }
}

void HoldSampler::follow(const ReportRequest& request, const Finding& finding, const ReportOutput& output) {
  if (!is_about_holds(finding.event)) return;
  if (finding.event != Event::hold || has_ended(finding.phase)) return forget(finding.episode);
  for (size_t i = 0; i < request.state.holder_count; ++i) {
    const HolderState& state = request.state.holders[i];
    const Holder* const holder = can_be_sampled(state) ? holder_of(finding, state.hold) : nullptr;
    if (holder == nullptr || schedule_.has(finding.episode, state.hold.identity)) continue;
    schedule_.add(finding.episode, state, request.started_ns[i], request.limit_ns);
    note(holder->tid, holder->state, holder->now, monotonic_ns(), output);
  }
}

void HoldSampler::forget(uint64_t episode) {
  schedule_.drop_if([=](const SampledHold& hold) { return hold.episode == episode; });
}

uint64_t HoldSampler::due_ns() {
  if (calls_filtered() || watch_stops_ != g_watch_stops.load(std::memory_order_relaxed)) {
    watch_stops_ = g_watch_stops.load(std::memory_order_relaxed);
    schedule_.clear();
  }
  uint64_t due_ns;
  schedule_.next(&due_ns);
  return std::max(due_ns, rest_until_ns_);
}

// A sample that was captured while the hold ended may be of what its thread did next.
void HoldSampler::sample(StackCollector& collector, const ReportOutput& output) {
  const SystemCallScope calls;
  const SymbolizerApi* const api = output.api();
  const uint64_t began_ns = monotonic_ns();
  uint64_t due_ns;
  SampledHold* const hold = schedule_.next(&due_ns);
  if (hold == nullptr || api == nullptr) return schedule_.clear();
  collector.use(api, output.self());
  const HolderState holder = hold->holder;
  ThreadState state = ThreadState::unknown;
  const RawStack* const stack =
      hold_goes_on(holder) ? collector.capture_sample(holder.hold, &hold->seen_sp, &state) : nullptr;
  schedule_.drop_if([](const SampledHold& each) { return !hold_goes_on(each.holder); });
  note(holder.hold.tid, state, stack, monotonic_ns(), output);
  collector.release();
  api->end_stacks(output.self());
  const uint64_t now_ns = monotonic_ns();
  rest_until_ns_ = now_ns + kShare * (now_ns - began_ns);
}

}  // namespace holdwatch
