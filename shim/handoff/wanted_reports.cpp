// See wanted_reports.h.
#include "shim/handoff/wanted_reports.h"

#include <atomic>
#include <cstddef>

namespace holdwatch {
namespace {

constexpr size_t kMax = 64;

struct WantedReport {
  std::atomic<uint64_t> episode{0};  // 0: free. Set by the reporter (release), cleared by the watcher (release)
  std::atomic<uint64_t> age_ns{0};   // written before the episode, read after it
};

constinit WantedReport g_wanted[kMax];
constinit std::atomic<uint32_t> g_count{0};  // at least the entries in use, so that a look costs one load

}  // namespace

void want_report_at(uint64_t episode, uint64_t age_ns) {
  for (WantedReport& wanted : g_wanted) {
    if (wanted.episode.load(std::memory_order_acquire) != 0) continue;
    g_count.fetch_add(1, std::memory_order_relaxed);
    wanted.age_ns.store(age_ns, std::memory_order_relaxed);
    wanted.episode.store(episode, std::memory_order_release);
    return;
  }
}

bool take_wanted_report(uint64_t episode, uint64_t* age_ns) {
  if (g_count.load(std::memory_order_relaxed) == 0) return false;
  for (WantedReport& wanted : g_wanted) {
    if (wanted.episode.load(std::memory_order_acquire) != episode) continue;
    *age_ns = wanted.age_ns.load(std::memory_order_relaxed);
    wanted.episode.store(0, std::memory_order_release);
    g_count.fetch_sub(1, std::memory_order_relaxed);
    return true;
  }
  return false;
}

}  // namespace holdwatch
