// The closing line of a long hold shows in which of its phases the time went. A running holder is interrupted for that once a
// second at most: it counts the signals by the traces that they leave on its alternate stack.
// RUN-ENV: HOLDWATCH_LIMIT=100ms HOLDWATCH_REPEAT=0
// EXPECT: samples \d of \d in .*within first_phase\(.*\) \(sampled_phases.cpp:\d+\)
// EXPECT: \d in .*within second_phase\(
// EXPECT-JSON: holder(over[0])["samples"] is None
// EXPECT-JSON: 6 <= holder(released[0])["samples"]["captured"] + holder(released[0])["samples"]["missed"] <= 7
// EXPECT-JSON: [function["samples"] for function in holder(released[0])["samples"]["functions"]
//     if "first_phase" in (function["function"] or "")][0] + holder(released[0])["samples"]["missed"] >= 4
// EXPECT-JSON: holder(released[0])["samples"]["running"] == holder(released[0])["samples"]["captured"]
// EXPECT-JSON: not holder(released[0])["samples"]["frozen"]
#include <csignal>
#include <mutex>

#include "tests/programs/harness.h"
using namespace harness;

using Clock = std::chrono::steady_clock;

class Interruptions {
 public:
  Interruptions() {
    clear();
    const stack_t stack = {const_cast<unsigned char*>(stack_), 0, sizeof stack_};
    CHECK(::sigaltstack(&stack, nullptr) == 0);
  }
  ~Interruptions() {
    const stack_t none = {nullptr, SS_DISABLE, 0};
    CHECK(::sigaltstack(&none, nullptr) == 0);
  }

  // Busy until there have been so many more.
  void await(int count) {
    const auto give_up = Clock::now() + kPatience;
    while (is_watched() && count > 0 && Clock::now() < give_up) {
      if (!has_traces()) continue;
      clear();
      ++count_;
      --count;
    }
  }
  int count() const { return count_; }

 private:
  static constexpr size_t kUsed = 16 * 1024;  // at the upper end

  void clear() {
    for (size_t i = sizeof stack_ - kUsed; i < sizeof stack_; ++i) stack_[i] = 0x5a;
  }
  bool has_traces() const {
    for (size_t i = sizeof stack_ - kUsed; i < sizeof stack_; ++i)
      if (stack_[i] != 0x5a) return true;
    return false;
  }

  volatile unsigned char stack_[64 * 1024];
  int count_ = 0;
};

OWN_FRAME void first_phase(Interruptions& interruptions) {
  interruptions.await(4);
  asm volatile("");
}
OWN_FRAME void second_phase(Interruptions& interruptions) {
  interruptions.await(3);
  asm volatile("");
}

int main() {
  std::mutex lock;
  Thread holder("holder", [&] {
    Interruptions interruptions;
    std::lock_guard guard(lock);
    const auto began = Clock::now();
    first_phase(interruptions);
    second_phase(interruptions);
    CHECK(!is_watched() || interruptions.count() == 7);
    CHECK(!is_watched() || Clock::now() - began >= 6s);
  });
  await_report("released");
}
