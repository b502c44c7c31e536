// The samples of holds that last: at most 64 of each, at equal distances however long it lasts, so that the share of
// samples in a place is the share of the time there.
// Pure; cold context. Addresses only: names come later.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "shim/common/contract/hold_sample.h"

namespace holdwatch {

// A stack that some of the samples have.
struct SampledRawStack {
  Period when;  // that of the first one
  bool complete = false;
  std::vector<RawFrame> frames;
};

struct SamplesOfHold {
  struct Share {
    std::shared_ptr<const SampledRawStack> stack;
    size_t samples = 0;
  };
  size_t captured = 0;
  size_t missed = 0;       // could not be captured
  size_t running = 0;      // of those captured
  bool is_frozen = false;  // the thread has not run from the first sample to the last
  uint64_t span_ns = 0;    // between these
  std::vector<Share> stacks;
};

class HoldSamples {
 public:
  static constexpr size_t kMaxSamples = 64;
  static constexpr size_t kMaxHolds = 32;  // of more, those of the oldest episode are forgotten
  static constexpr uint64_t kFirstIntervalNs = 1'000'000'000;

  // Adds a sample whose thread had so many context switches. Returns after how long the next one is wanted.
  uint64_t add(const HoldSample& sample, std::optional<uint64_t> switches);
  // Of a hold of this thread; nothing if there are none.
  std::optional<SamplesOfHold> of(uint64_t episode, int tid, uint64_t since_ns) const;
  void forget(uint64_t episode);

 private:
  struct Sample {
    uint64_t taken_ns = 0;
    bool runs = false;
    std::optional<uint64_t> switches;
    std::shared_ptr<const SampledRawStack> stack;  // null: not captured
  };
  struct Hold {
    uint64_t since_ns = 0;
    uint64_t interval_ns = kFirstIntervalNs;
    std::vector<Sample> samples;
  };

  static void thin_out(Hold& hold);
  static std::shared_ptr<const SampledRawStack> shared_stack(const Hold& hold, const RawStack* stack);

  std::map<std::pair<uint64_t, int>, Hold> holds_;  // by episode and thread
};

}  // namespace holdwatch
