// See eager_sites.h: a bit set indexed by a hash of the address, read in lock calls, written by the reporter.
#include "shim/record/eager_sites.h"

#include <atomic>

#include "shim/base/pulse.h"

namespace holdwatch {
namespace {

constexpr uint64_t kBits = 4096;
std::atomic<uint64_t> g_sites[kBits / 64];

// Fibonacci hashing: the top bits of the product depend on all bits of the address.
constexpr uint64_t bit_of(uintptr_t pc) {
  return (pc * 0x9E3779B97F4A7C15u) >> 52;
}

}  // namespace

bool is_eager_site(uintptr_t pc) {
  const uint64_t bit = bit_of(pc);
  return (g_sites[bit / 64].load(std::memory_order_relaxed) >> (bit % 64) & 1) != 0;
}

void add_eager_site(uintptr_t pc) {
  const uint64_t bit = bit_of(pc);
  g_sites[bit / 64].fetch_or(uint64_t{1} << (bit % 64), std::memory_order_relaxed);
  g_pulse.extras.fetch_or(kCopyAtSites, std::memory_order_relaxed);
}

}  // namespace holdwatch
