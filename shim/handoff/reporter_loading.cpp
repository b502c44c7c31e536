// See reporter_loading.h.
#include "shim/handoff/reporter_loading.h"

#include <atomic>

#include "shim/base/clock.h"
#include "shim/base/os.h"

namespace holdwatch {
namespace {

std::atomic<uint32_t> g_is_loading{0};

}  // namespace

void reporter_loading_begins() {
  g_is_loading.store(1);
}

void reporter_loading_ends() {
  g_is_loading.store(0);
  wake(g_is_loading);
}

bool wait_for_reporter_loaded(uint64_t timeout_ns) {
  const uint64_t until_ns = monotonic_ns() + timeout_ns;
  for (uint64_t now_ns = monotonic_ns(); g_is_loading.load() != 0 && now_ns < until_ns; now_ns = monotonic_ns())
    sleep_on(g_is_loading, 1, until_ns - now_ns);
  return g_is_loading.load() == 0;
}

}  // namespace holdwatch
