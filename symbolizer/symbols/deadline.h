// How long the look-ups of one report may take. Debug data that is hostile, or only very large, must not keep the report.
// Cold context only.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <utility>

namespace holdwatch {

class Deadline {
 public:
  using Clock = std::chrono::steady_clock;

  explicit Deadline(std::chrono::milliseconds patience) : patience_(patience) { restart(); }

  // Calls `when_slow` once, before it surely takes long or once it has taken a while: what can be said without look-ups can
  // be said then.
  void restart(std::function<void()> when_slow = nullptr) {
    const Clock::time_point now = Clock::now();
    end_ = now + patience_;
    slow_ = now + kSlow;
    when_slow_ = std::move(when_slow);
    has_passed_ = patience_.count() == 0;
  }

  // So much is going to be read, in calls that do not ask.
  void expect_bytes(size_t bytes) {
    if (bytes >= kSlowBytes) call_when_slow();
  }

  // To be asked at every step of a loop: the clock is looked at now and then.
  bool has_passed() {
    if (!has_passed_ && ++asked_ % 64 == 0) look();
    return has_passed_;
  }

  // To be asked after a call that may have taken long.
  bool look() {
    const Clock::time_point now = Clock::now();
    if (now >= slow_) call_when_slow();
    has_passed_ = has_passed_ || now >= end_;
    return has_passed_;
  }

  // Whether what was begun at `start` has used up most of the time by itself.
  bool is_mostly_since(Clock::time_point start) const { return Clock::now() - start >= patience_ / 2; }

 private:
  static constexpr std::chrono::milliseconds kSlow{200};
  static constexpr size_t kSlowBytes = size_t{32} << 20;  // inflated at some 200 MB a second

  void call_when_slow() {
    if (const auto call = std::exchange(when_slow_, nullptr)) call();
  }

  std::chrono::milliseconds patience_;
  std::function<void()> when_slow_;
  Clock::time_point slow_;
  Clock::time_point end_;
  unsigned asked_ = 0;
  bool has_passed_ = false;
};

}  // namespace holdwatch
