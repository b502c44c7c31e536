// See condition_object.h.
//
// sysdeps/nptl/bits/thread-shared-types.h. Up to 2.37, and in 2.38 to 2.40 as released:
//
//   uint64_t wseq, g1_start; uint32_t g_refs[2], g_size[2], g1_orig_size, wrefs, g_signals[2];
//
// Commit 91bb902f58, "nptl: Use all of g1_start and g_signals", has removed g_refs. It is in 2.41, and in the branches
// release/2.38/master to release/2.40/master, from which distributions build.
#include "symbolizer/waits/condition_object.h"

#include <pthread.h>

namespace holdwatch {
namespace {

constexpr unsigned kFirstWithBoth = 38, kFirstWithoutReferences = 41;
constexpr size_t kSignalsWithReferences = 40, kSignals = 32;  // offset of g_signals

// Whether each layout is possible. For both, a thread's own wait is among those that wseq counts and g1_start does not.
struct Fit {
  bool with_references, without_references;
};

// `signals` is the address of g_signals, `group` the element that the thread sleeps on. With references it has one to
// its group, which counts 2, and sleeps while the word is 0; the lowest bit of g1_start is a flag.
Fit fit(uintptr_t signals, unsigned group, uint32_t value, MemoryReader& memory) {
  const auto first = memory.read_value<uint64_t>(signals - 40);
  const auto second = memory.read_value<uint64_t>(signals - 32);
  const auto third = memory.read_value<uint64_t>(signals - 24);
  if (!second || !third) return {};
  const auto references = static_cast<uint32_t>(*third >> (32 * group));
  const bool has_waiter_with_references = first && *first >> 1 > *second >> 1;
  return {has_waiter_with_references && references >= 2 && value == 0, *second >> 1 > *third};
}

}  // namespace

uintptr_t condition_slept_in(const FutexWait& futex, unsigned glibc_minor, MemoryReader& memory) {
  const unsigned group = futex.word % alignof(pthread_cond_t) == 0 ? 0 : 1;
  const uintptr_t signals = futex.word - group * sizeof(uint32_t);
  if (glibc_minor == 0) return 0;
  if (glibc_minor < kFirstWithBoth) return signals - kSignalsWithReferences;
  if (glibc_minor >= kFirstWithoutReferences) return signals - kSignals;
  const Fit possible = fit(signals, group, futex.value, memory);
  if (possible.with_references == possible.without_references) return 0;
  return signals - (possible.with_references ? kSignalsWithReferences : kSignals);
}

}  // namespace holdwatch
