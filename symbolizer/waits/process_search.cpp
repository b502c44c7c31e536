// See process_search.h.
#include "symbolizer/waits/process_search.h"

#include <algorithm>

namespace holdwatch {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kPerSearch{100}, kPerPeriod{200}, kPeriod{2000};

Clock::time_point g_period_began{};
Clock::duration g_left{};  // of all searches of the period together

}  // namespace

SearchTime::SearchTime() {
  if (began_ - g_period_began < kPeriod) return;
  g_period_began = began_;
  g_left = kPerPeriod;
}

SearchTime::~SearchTime() {
  g_left -= Clock::now() - began_;
}

bool SearchTime::is_over() const {
  return Clock::now() - began_ >= std::min<Clock::duration>(g_left, kPerSearch);
}

}  // namespace holdwatch
