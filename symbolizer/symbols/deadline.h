// How long the look-ups of one report may take. Debug data that is hostile, or only very large, must not hold up the
// report.
// Cold context only.
#pragma once

#include <chrono>

namespace holdwatch {

class Deadline {
 public:
  using Clock = std::chrono::steady_clock;

  explicit Deadline(std::chrono::milliseconds timeout) : timeout_(timeout) { restart(); }

  void restart(std::chrono::milliseconds timeout) {
    timeout_ = timeout;
    restart();
  }
  void restart() {
    end_ = Clock::now() + timeout_;
    has_passed_ = timeout_.count() == 0;
  }

  // To be called at every step of a loop: only some calls read the clock.
  bool has_passed() {
    if (!has_passed_ && ++asked_ % 64 == 0) look();
    return has_passed_;
  }

  // To be called after a call that may have taken long.
  bool look() {
    has_passed_ = has_passed_ || Clock::now() >= end_;
    return has_passed_;
  }

  // Whether an operation that began at `start` has itself used up most of the time.
  bool is_mostly_since(Clock::time_point start) const { return Clock::now() - start >= timeout_ / 2; }

 private:
  std::chrono::milliseconds timeout_;
  Clock::time_point end_;
  unsigned asked_ = 0;
  bool has_passed_ = false;
};

}  // namespace holdwatch
