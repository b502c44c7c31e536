// How the glibc in this process counts a stream's levels.
// Any context. Written once, when libc's functions are looked up, before anything is watched.
#pragma once

#include <cstdint>

#include "shim/base/clock_line.h"

namespace holdwatch {

// What uncounted_levels (common/glibc/stream_layout.h) says for this glibc. Lock calls read it: it has a cache line of its own.
struct alignas(kCacheLine) UncountedLevels {
  uint32_t levels = 0;
};
[[gnu::visibility("hidden")]] inline UncountedLevels g_uncounted;

}  // namespace holdwatch
