// Whether lock calls are so few that each may read the clock: see record/stamp.h.
// Cold context (watcher); pure.
//
// Only a trial tells: lock calls leave no count behind. It lasts for one sleep of the usual length, and costs a busy process
// what kFewCalls readings of the clock take. After one that failed the next one comes later and later.
#pragma once

#include <algorithm>
#include <cstdint>

namespace holdwatch {

class CallRate {
 public:
  // At each wake-up. `exact_stamps`: how many since the last one.
  void look(uint64_t now_ns, uint64_t limit_ns, uint32_t exact_stamps, uint32_t few) {
    const uint64_t interval_ns = std::min(limit_ns, kLongestIntervalNs);
    if (next_trial_ns_ == 0) next_trial_ns_ = now_ns + interval_ns;
    were_few_ = are_few_ && exact_stamps <= few;
    if (were_few_) trials_failed_ = 0;
    if (are_few_ && !were_few_) {
      next_trial_ns_ = now_ns + (interval_ns << trials_failed_);
      trials_failed_ = std::min(trials_failed_ + 1, kMostBackOff);
    }
    are_few_ = were_few_ || now_ns >= next_trial_ns_;
  }
  void reset() { *this = {}; }

  // From now on lock calls are to be stamped exactly.
  bool are_few() const { return are_few_; }
  // They were few during the last sleep: the next may be long.
  bool were_few() const { return were_few_; }

 private:
  static constexpr uint64_t kLongestIntervalNs = 60'000'000'000;
  static constexpr uint32_t kMostBackOff = 6;

  uint64_t next_trial_ns_ = 0;
  uint32_t trials_failed_ = 0;
  bool are_few_ = false;
  bool were_few_ = false;
};

}  // namespace holdwatch
