// Whether lock calls are so few that each may read the clock: see record/stamp.h.
// Cold context (watcher); pure.
//
// Only a trial can tell, because lock calls are not counted. It lasts for one sleep of the usual length, and costs a
// busy process at most as many clock readings as count as few in twice that time. After a failed trial the next one
// comes later, but not much later: a process that has become idle must not be woken at a busy one's rate for long.
#pragma once

#include <algorithm>
#include <cstdint>

namespace holdwatch {

// Reading the clock this many times a second costs less than the wake-ups that a tick would need. A few more calls are
// allowed in any sleep: in a short one, a few calls say nothing about the rate.
inline constexpr uint64_t kFewCallsPerSecond = 30'000;
inline constexpr uint64_t kFewCallsAnyway = 100;

class CallRate {
 public:
  // At each wake-up. `exact_stamps`: how many since the last one.
  void look(uint64_t now_ns, uint64_t limit_ns, uint32_t exact_stamps) {
    const uint64_t interval_ns = std::min(limit_ns, kLongestIntervalNs);
    if (next_trial_ns_ == 0) next_trial_ns_ = now_ns + interval_ns;
    were_few_ = are_few_ && exact_stamps <= few_in(now_ns - last_look_ns_);
    if (were_few_) trials_failed_ = 0;
    if (are_few_ && !were_few_) {
      next_trial_ns_ = now_ns + std::min(interval_ns << trials_failed_, kLongestIntervalNs);
      trials_failed_ = std::min(trials_failed_ + 1, kMaxBackOff);
    }
    are_few_ = were_few_ || now_ns >= next_trial_ns_;
    last_look_ns_ = now_ns;
  }
  void reset() { *this = {}; }

  // From now on lock calls should be stamped exactly.
  bool are_few() const { return are_few_; }
  // There were few during the last sleep: the next one may be long.
  bool were_few() const { return were_few_; }

  static uint64_t few_in(uint64_t time_ns) { return kFewCallsAnyway + kFewCallsPerSecond * time_ns / 1'000'000'000; }

 private:
  static constexpr uint64_t kLongestIntervalNs = 10'000'000'000;
  static constexpr uint32_t kMaxBackOff = 6;

  uint64_t last_look_ns_ = 0;
  uint64_t next_trial_ns_ = 0;
  uint32_t trials_failed_ = 0;
  bool are_few_ = false;
  bool were_few_ = false;
};

}  // namespace holdwatch
