// See hold_samples.h.
#include "symbolizer/report/hold_samples.h"

#include <algorithm>

namespace holdwatch {
namespace {

bool has_frames(const SampledRawStack& stack, const RawStack& other) {
  return std::equal(stack.frames.begin(), stack.frames.end(), other.frames, other.frames + other.count,
                    [](const RawFrame& a, const RawFrame& b) { return a.pc == b.pc && a.cfa == b.cfa; });
}

}  // namespace

uint64_t HoldSamples::add(const HoldSample& sample, std::optional<uint64_t> switches) {
  const auto key = std::pair(sample.episode, sample.tid);
  if (holds_.size() >= kMaxHolds && !holds_.contains(key)) holds_.erase(holds_.begin());
  Hold& hold = holds_[key];
  if (hold.since_ns != sample.since_ns) hold = {sample.since_ns, kFirstIntervalNs, {}};
  if (hold.samples.size() == kMaxSamples) thin_out(hold);
  hold.samples.push_back(
      {sample.taken_ns, sample.state == ThreadState::running, switches, shared_stack(hold, sample.stack)});
  return hold.interval_ns;
}

// Every second one goes, and from now on only every second one is taken: the distances stay equal.
void HoldSamples::thin_out(Hold& hold) {
  for (size_t i = 0; 2 * i < hold.samples.size(); ++i) hold.samples[i] = std::move(hold.samples[2 * i]);
  hold.samples.resize((hold.samples.size() + 1) / 2);
  hold.interval_ns *= 2;
}

std::shared_ptr<const SampledRawStack> HoldSamples::shared_stack(const Hold& hold, const RawStack* stack) {
  if (stack == nullptr || stack->count == 0) return nullptr;
  for (const Sample& before : hold.samples)
    if (before.stack && has_frames(*before.stack, *stack)) return before.stack;
  return std::make_shared<SampledRawStack>(
      SampledRawStack{stack->when, stack->complete, {stack->frames, stack->frames + stack->count}});
}

std::optional<SamplesOfHold> HoldSamples::of(uint64_t episode, int tid, uint64_t since_ns) const {
  const auto known = holds_.find({episode, tid});
  if (known == holds_.end() || known->second.since_ns != since_ns) return std::nullopt;
  const std::vector<Sample>& samples = known->second.samples;
  SamplesOfHold out;
  for (const Sample& sample : samples) {
    if (!sample.stack) {
      ++out.missed;
      continue;
    }
    ++out.captured;
    if (sample.runs) ++out.running;
    const auto share = std::find_if(out.stacks.begin(), out.stacks.end(),
                                    [&](const SamplesOfHold::Share& each) { return each.stack == sample.stack; });
    if (share == out.stacks.end())
      out.stacks.push_back({sample.stack, 1});
    else
      ++share->samples;
  }
  const Sample& first = samples.front();
  const Sample& last = samples.back();
  out.span_ns = last.taken_ns - first.taken_ns;
  out.is_frozen = samples.size() > 1 && out.missed == 0 && out.running == 0 && out.stacks.size() == 1 &&
                  first.switches && first.switches == last.switches;
  return out;
}

void HoldSamples::forget(uint64_t episode) {
  std::erase_if(holds_, [&](const auto& entry) { return entry.first.first == episode; });
}

}  // namespace holdwatch
