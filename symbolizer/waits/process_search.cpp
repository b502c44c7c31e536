// See process_search.h.
#include "symbolizer/waits/process_search.h"

#include <time.h>

#include <algorithm>

namespace holdwatch {
namespace {

using std::chrono::nanoseconds;
using namespace std::chrono_literals;

constexpr nanoseconds kPeriod = 2s;
constexpr SearchMoment kPerSearch{100ms, 500ms}, kPerPeriod{200ms, 1s};

nanoseconds g_period_began{};  // by the wall
SearchMoment g_left{};         // of all searches of the period together

nanoseconds time_of(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return std::chrono::seconds(now.tv_sec) + nanoseconds(now.tv_nsec);
}

}  // namespace

SearchMoment search_moment() {
  return {time_of(CLOCK_THREAD_CPUTIME_ID), time_of(CLOCK_MONOTONIC)};
}

SearchTime::SearchTime(Now now) : now_(now), began_(now()) {
  if (began_.wall - g_period_began < kPeriod) return;
  g_period_began = began_.wall;
  g_left = kPerPeriod;
}

SearchTime::~SearchTime() {
  const SearchMoment time = spent();
  g_left.processor -= time.processor;
  g_left.wall -= time.wall;
}

SearchMoment SearchTime::spent() const {
  const SearchMoment now = now_();
  return {now.processor - began_.processor, now.wall - began_.wall};
}

bool SearchTime::is_over() const {
  const SearchMoment time = spent();
  return time.processor >= std::min(g_left.processor, kPerSearch.processor) ||
         time.wall >= std::min(g_left.wall, kPerSearch.wall);
}

}  // namespace holdwatch
