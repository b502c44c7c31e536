// Stack pointers that a function has lowered by an amount that its code does not tell (alloca, alignment, paths that
// meet), and how far apart two values are all the same.
// Cold context only; pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "symbolizer/unwind/flow_state.h"

namespace holdwatch {

// By how much one address is above another.
struct Distance {
  uint64_t least = 0;
  uint64_t most = 0;
};

class Lowerings {
 public:
  void clear();

  // The stack pointer after the instruction at `pc`, which lowers `from` by an unknown amount of at most `most`.
  FlowValue lowered_at(uintptr_t pc, const FlowValue& from, uint64_t most = UINT64_MAX);

  // The stack pointer at `pc`, where paths with different ones meet: somewhere below what these have in common.
  FlowValue merged_at(uintptr_t pc, const FlowValue& one, const FlowValue& other);

  // By how much `upper` is above `lower`, a stack pointer; nothing if neither is derived from the other.
  std::optional<Distance> distance(FlowValue lower, const FlowValue& upper) const;

 private:
  // The stack pointer after an instruction that lowers it by an unknown amount: `from` minus least ... most.
  struct Lowering {
    FlowValue from;
    uint64_t least = 0;
    uint64_t most = UINT64_MAX;
  };

  FlowValue lowered(uint64_t key, const FlowValue& from, uint64_t least, uint64_t most);
  const Lowering* lowering_of(const FlowValue& value) const;

  std::map<uint64_t, int> keys_;  // by place: the base of its value
  std::vector<Lowering> lowerings_;
};

}  // namespace holdwatch
