// See unloads.h. A ring of the latest ones.
#include "shim/base/unloads.h"

#include <algorithm>
#include <atomic>

#include "shim/base/clock.h"

namespace holdwatch {
namespace {

constexpr uint64_t kKept = 64;
constexpr uint64_t kNotYet = UINT64_MAX;

struct UnloadTime {
  std::atomic<uint64_t> begin_ns{0};
  std::atomic<uint64_t> end_ns{0};
};

constinit UnloadTime g_entries[kKept];
constinit std::atomic<uint64_t> g_begun{0};

}  // namespace

// The end first: whoever reads in between sees an unload that goes on. Sequentially consistent, so that who reads the
// process's maps after an unmapping, and then the ring, sees it there.
Unload::Unload() : number_(g_begun.fetch_add(1)) {
  UnloadTime& entry = g_entries[number_ % kKept];
  entry.end_ns.store(kNotYet);
  entry.begin_ns.store(monotonic_ns());
}

Unload::~Unload() {
  g_entries[number_ % kKept].end_ns.store(monotonic_ns());
}

bool unloaded_between(uint64_t from_ns, uint64_t until_ns) {
  const uint64_t begun = g_begun.load();
  if (begun == 0) return false;
  uint64_t oldest_ns = UINT64_MAX;
  for (uint64_t i = 0; i < std::min(begun, kKept); ++i) {
    const uint64_t begin_ns = g_entries[i].begin_ns.load();
    if (begin_ns <= until_ns && g_entries[i].end_ns.load() >= from_ns) return true;
    oldest_ns = std::min(oldest_ns, begin_ns);
  }
  return begun > kKept && from_ns < oldest_ns;
}

void unloads_after_fork() {
  for (UnloadTime& entry : g_entries) {
    if (entry.end_ns.load() == kNotYet) entry.end_ns.store(monotonic_ns());
  }
}

}  // namespace holdwatch
