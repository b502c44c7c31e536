// What a lock call reads of the rest of holdwatch: one cache line, written by the watcher once per wake-up.
// Any context. Lock calls only read it, so the line stays shared in every core's cache.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace holdwatch {

inline constexpr size_t kCacheLine = 64;

// What lock calls note as their time is CLOCK_MONOTONIC in ns but for the lowest two bits, which say what kind of a time it is.
// They leave the order of times as it is.
enum StampBits : uint64_t {
  // In a tick: lock calls are few, so that each reads the clock itself (record/stamp.h) and the watcher may sleep for long.
  kCallsAreFew = 1,
  // In a stamp: read from the clock, no tick.
  kExact = 2,
  kStampBits = kCallsAreFew | kExact
};
// The tick while no watch runs.
inline constexpr uint64_t kNoWatch = kCallsAreFew;
// An age that no hold reaches, and that no negative age can be mistaken for.
inline constexpr uint64_t kNoHandOver = INT64_MAX;

struct alignas(kCacheLine) ClockLine {
  // The time of the watcher's last wake-up. Written by the watcher (release), read by lock calls (relaxed: an older value only
  // makes a hold look younger by one wake-up, and nothing else depends on it).
  std::atomic<uint64_t> tick_ns{kNoWatch};

  // The stamp of an acquisition, read once the lock is acquired: the tick, or 0 where calls are few. Written before the tick.
  std::atomic<uint64_t> settled_ns{kNoWatch};

  // A hold that began before this tick may have to be passed to the watcher: its release checks that. Written with the tick,
  // and read alone: it only decides whether the release takes its fast path.
  std::atomic<uint64_t> old_before_ns{0};

  // A hold whose age in ticks has reached this is passed to the watcher by its release; by Access.
  std::atomic<uint64_t> hand_over_ns[2] = {kNoHandOver, kNoHandOver};

  // The smallest limit of a hold, UINT64_MAX if there is none; by Access.
  std::atomic<uint64_t> limit_ns[2] = {UINT64_MAX, UINT64_MAX};

  // What an acquisition must do beyond the usual. Set once, before the watch begins; see note_every_site.
  std::atomic<uint32_t> extras{0};
};

enum Extras : uint32_t {
  kReadTsc = 1u << 0,    // CLOCK=tsc: note the exact time
  kCopyAlways = 1u << 1  // STACKS=full: copy the stack at every acquisition
};

static_assert(sizeof(ClockLine) == kCacheLine);

[[gnu::visibility("hidden")]] extern ClockLine g_clock_line;

}  // namespace holdwatch
