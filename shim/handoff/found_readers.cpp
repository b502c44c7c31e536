// See found_readers.h.
#include "shim/handoff/found_readers.h"

#include <atomic>

namespace holdwatch {
namespace {

constinit std::atomic<uint64_t> g_episode{0};  // 0: none, or being written
constinit std::atomic<int> g_tid{0};
constinit std::atomic<bool> g_is_likely{false};
constinit std::atomic<uint32_t> g_count{0};

}  // namespace

void note_found_readers(uint64_t episode, const FoundReaders& readers) {
  g_episode.store(0);
  g_tid.store(readers.tid);
  g_is_likely.store(readers.is_likely);
  g_count.store(readers.count);
  g_episode.store(episode);
}

bool found_readers(uint64_t episode, FoundReaders* out) {
  if (g_episode.load() != episode) return false;
  *out = {g_tid.load(), g_is_likely.load(), g_count.load()};
  return g_episode.load() == episode;
}

}  // namespace holdwatch
