// See followed_registers.h.
#include "symbolizer/guards/followed_registers.h"

#include <algorithm>

namespace holdwatch {
namespace {

constexpr unsigned kDepth = 6;  // of calls: without optimization an element of a container is found by calls in calls

// Whether the path agrees with what the frame's registers are known to be.
bool agrees(const Arrival& arrival, const RegisterSet& frame) {
  const auto same = [&](Register which, EncodedRegister encoded) {
    const Known value = arrival.machine.get(encoded);
    return !value || !frame.knows(which) || *value == frame[which];
  };
  return same(kRsp, EncodedRegister::rsp) &&
         std::all_of(std::begin(kPreservedRegisters), std::end(kPreservedRegisters),
                     [&](const auto& pair) { return same(pair.first, pair.second); });
}

// What all paths have in it.
Known common(const std::vector<Arrival>& arrivals, EncodedRegister which) {
  const Known value = arrivals.front().machine.get(which);
  const bool is_everywhere = std::all_of(arrivals.begin(), arrivals.end(),
                                         [&](const Arrival& one) { return one.machine.get(which) == value; });
  return is_everywhere ? value : std::nullopt;
}

LocksBefore locks_before(const std::vector<Arrival>& arrivals) {
  LocksBefore before;
  before.is_known = std::all_of(arrivals.begin(), arrivals.end(), [](const Arrival& one) { return one.is_whole; });
  before.acquired = arrivals.front().acquired;
  for (const Arrival& one : arrivals) {
    std::erase_if(before.acquired, [&](const LockRef& lock) { return !contains(one.acquired, lock); });
    before.released.insert(before.released.end(), one.released.begin(), one.released.end());
  }
  return before;
}

}  // namespace

LocksBefore FollowedRegisters::add_to(DeducedFrame& frame) {
  const uintptr_t called = caller_calls_;
  caller_calls_ = 0;
  if (frame.entry == 0 || frame.likely.ip_is_exact) return {};
  PathStart start{Machine(memory_), frame.entry};
  start.max_depth = kDepth;
  start.until = frame.likely[kRip];
  for (size_t number = 0; number < frame.at_entry.size(); ++number) {
    Known value = frame.at_entry[number];
    if (!value && called == frame.entry) value = arguments_[number];
    start.machine.set(static_cast<EncodedRegister>(number), value);
  }
  std::vector<Arrival> arrivals = arrivals_at(start, frame.likely);
  if (arrivals.empty()) {
    start.calls_may_throw = true;  // the call may be in a handler
    arrivals = arrivals_at(start, frame.likely);
  }
  if (arrivals.empty()) return {};
  for (const auto& [which, encoded] : kPreservedRegisters) {
    const Known value = frame.likely.knows(which) ? std::nullopt : common(arrivals, encoded);
    if (value) frame.likely.set(which, *value);
  }
  keep_arguments(arrivals);
  return locks_before(arrivals);
}

// None if not all ways through the function could be followed.
std::vector<Arrival> FollowedRegisters::arrivals_at(const PathStart& start, const RegisterSet& frame) {
  CodePaths::Found found = paths_.follow(start);
  if (!found.is_complete) return {};
  std::erase_if(found.arrivals, [&](const Arrival& one) { return !agrees(one, frame); });
  return std::move(found.arrivals);
}

// All paths must have come by the same call, for it is one instruction; but a pointer may lead elsewhere on each.
void FollowedRegisters::keep_arguments(const std::vector<Arrival>& arrivals) {
  const Known target = arrivals.front().target;
  const bool is_one =
      std::all_of(arrivals.begin(), arrivals.end(), [&](const Arrival& one) { return one.target == target; });
  if (!target || !is_one) return;
  caller_calls_ = calls_.of(*target).entry;
  for (const EncodedRegister which : kArgumentRegisters)
    arguments_[static_cast<size_t>(which)] = common(arrivals, which);
}

}  // namespace holdwatch
