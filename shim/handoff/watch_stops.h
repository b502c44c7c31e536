// How often a command has stopped watching: the watcher has forgotten its episodes then.
// The watcher writes, the reporter reads, each on its own: no other value goes with it.
#pragma once

#include <atomic>
#include <cstdint>

namespace holdwatch {

[[gnu::visibility("hidden")]] inline constinit std::atomic<uint32_t> g_watch_stops{0};

}  // namespace holdwatch
