// See lowerings.h.
#include "symbolizer/unwind/lowerings.h"

#include <algorithm>

namespace holdwatch {

namespace {

constexpr int kLongestAncestry = 32;
constexpr int kRsp = static_cast<int>(EncodedRegister::rsp);

// An instruction, and the paths that meet before it, are two places.
uint64_t key_of_instruction(uintptr_t pc) {
  return 2 * pc;
}
uint64_t key_of_merge(uintptr_t pc) {
  return 2 * pc + 1;
}

}  // namespace

void Lowerings::clear() {
  keys_.clear();
  lowerings_.clear();
}

FlowValue Lowerings::lowered_at(uintptr_t pc, const FlowValue& from, uint64_t most) {
  return lowered(key_of_instruction(pc), from, 0, most);
}

FlowValue Lowerings::lowered(uint64_t key, const FlowValue& from, uint64_t least, uint64_t most) {
  const auto [known, is_new] = keys_.try_emplace(key, FlowValue::kFirstLowering + static_cast<int>(lowerings_.size()));
  if (is_new) lowerings_.push_back({});
  // A later visit to the same instruction knows less: its result is the one that holds for all.
  if (from.base != known->second)
    lowerings_[static_cast<size_t>(known->second - FlowValue::kFirstLowering)] = {from, least, most};
  return {known->second, 0, false};
}

const Lowerings::Lowering* Lowerings::lowering_of(const FlowValue& value) const {
  return value.base >= FlowValue::kFirstLowering
             ? &lowerings_[static_cast<size_t>(value.base - FlowValue::kFirstLowering)]
             : nullptr;
}

std::optional<Distance> Lowerings::distance(FlowValue lower, const FlowValue& upper) const {
  if (!lower.is_address() || !upper.is_address()) return std::nullopt;
  Distance between;
  for (int generation = 0; generation < kLongestAncestry; ++generation) {
    if (lower.base == upper.base) {
      const int64_t apart = upper.offset - lower.offset;
      const bool is_bounded = between.most != UINT64_MAX;
      if (apart < 0 && static_cast<uint64_t>(-apart) > between.least) {
        return Distance{0, is_bounded ? between.most + static_cast<uint64_t>(apart) : UINT64_MAX};
      }
      return Distance{between.least + static_cast<uint64_t>(apart),
                      is_bounded ? between.most + static_cast<uint64_t>(apart) : UINT64_MAX};
    }
    const Lowering* lowering = lowering_of(lower);
    if (lowering == nullptr) return std::nullopt;
    between.least += lowering->least;
    between.most =
        lowering->most == UINT64_MAX || between.most == UINT64_MAX ? UINT64_MAX : between.most + lowering->most;
    lower = {lowering->from.base, lowering->from.offset + lower.offset, false};
  }
  return std::nullopt;
}

FlowValue Lowerings::merged_at(uintptr_t pc, const FlowValue& one, const FlowValue& other) {
  const uint64_t key = key_of_merge(pc);
  const auto known = keys_.find(key);
  const int own = known == keys_.end() ? FlowValue::kUnknown : known->second;
  FlowValue common = one;
  for (int generation = 0; generation < kLongestAncestry; ++generation) {
    const std::optional<Distance> from_one = distance(one, {common.base, 0, false});
    const std::optional<Distance> from_other = distance(other, {common.base, 0, false});
    if (common.base != own && from_one && from_other) {
      return lowered(key, {common.base, 0, false}, std::min(from_one->least, from_other->least), UINT64_MAX);
    }
    const Lowering* lowering = lowering_of(common);
    if (lowering == nullptr) break;
    common = lowering->from;
  }
  return lowered(key, {kRsp, 0, false}, 0, UINT64_MAX);
}

}  // namespace holdwatch
