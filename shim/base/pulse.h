// What a lock call reads of the rest of holdwatch: one cache line, written by the watcher once per wake-up.
// Any context. Lock calls only read it, so the line stays shared in every core's cache.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace holdwatch {

inline constexpr size_t kCacheLine = 64;

struct alignas(kCacheLine) Pulse {
  // CLOCK_MONOTONIC in ns at the watcher's last wake-up; 0 while no watch runs. Written by the watcher (release), read
  // by lock calls (relaxed: an older value only makes a hold look younger by one wake-up, and nothing else depends on it).
  std::atomic<uint64_t> tick_ns{0};

  // A hold that began before this tick may have to be handed over: its release looks closer. Written with the tick, and
  // read alone: it only decides whether the release takes its short way.
  std::atomic<uint64_t> old_before_ns{0};

  // A hold whose age in ticks has reached this is handed over by its release; by Access.
  std::atomic<uint64_t> hand_over_ns[2] = {UINT64_MAX, UINT64_MAX};

  // What an acquisition must do beyond the usual. Set once, before the watch begins; see note_every_site.
  std::atomic<uint32_t> extras{0};
};

enum Extras : uint32_t {
  kReadTsc = 1u << 0,    // CLOCK=tsc: note the exact time
  kCopyAlways = 1u << 1  // STACKS=full: copy the stack at every acquisition
};

static_assert(sizeof(Pulse) == kCacheLine);

[[gnu::visibility("hidden")]] extern Pulse g_pulse;

}  // namespace holdwatch
