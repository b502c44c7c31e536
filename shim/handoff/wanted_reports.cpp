// See wanted_reports.h.
#include "shim/handoff/wanted_reports.h"

#include <atomic>
#include <cstddef>

namespace holdwatch {
namespace {

constexpr size_t kMax = 64;

struct WantedReport {
  std::atomic<uint64_t> episode{0};  // 0: free. Set by the reporter (release), cleared by either
  std::atomic<uint64_t> age_ns{0};   // written before the episode, read after it
};

constinit WantedReport g_wanted[kMax];
constinit std::atomic<uint64_t> g_condition_waits_ns{0};
constinit std::atomic<uint32_t> g_count{0};  // at least the entries in use, so that a look costs one load

// False if the other thread was first.
bool take(WantedReport& wanted, uint64_t episode) {
  if (!wanted.episode.compare_exchange_strong(episode, 0, std::memory_order_acq_rel)) return false;
  g_count.fetch_sub(1, std::memory_order_relaxed);
  return true;
}

void make_room() {
  WantedReport* oldest = nullptr;
  uint64_t least = UINT64_MAX;
  for (WantedReport& wanted : g_wanted) {
    const uint64_t episode = wanted.episode.load(std::memory_order_acquire);
    if (episode == 0) return;
    if (episode < least) oldest = &wanted, least = episode;
  }
  take(*oldest, least);
}

}  // namespace

void want_report_at(uint64_t episode, uint64_t age_ns) {
  make_room();
  for (WantedReport& wanted : g_wanted) {
    if (wanted.episode.load(std::memory_order_acquire) != 0) continue;
    g_count.fetch_add(1, std::memory_order_relaxed);
    wanted.age_ns.store(age_ns, std::memory_order_relaxed);
    wanted.episode.store(episode, std::memory_order_release);
    return;
  }
}

void want_condition_waits(uint64_t limit_ns) {
  g_condition_waits_ns.store(limit_ns, std::memory_order_relaxed);
}

uint64_t wanted_condition_waits_ns() {
  return g_condition_waits_ns.load(std::memory_order_relaxed);
}

bool take_wanted_report(uint64_t episode, uint64_t* age_ns) {
  if (g_count.load(std::memory_order_relaxed) == 0) return false;
  for (WantedReport& wanted : g_wanted) {
    if (wanted.episode.load(std::memory_order_acquire) != episode) continue;
    *age_ns = wanted.age_ns.load(std::memory_order_relaxed);
    return take(wanted, episode);
  }
  return false;
}

}  // namespace holdwatch
