// See writing.h.
#include "shim/reporter/writing.h"

#include <atomic>

#include "shim/base/clock.h"
#include "shim/base/os.h"

namespace holdwatch {
namespace {

// Longer than what is left of an exit usually takes.
constexpr uint64_t kRestOfExitNs = 20'000'000;

constinit std::atomic<uint32_t> g_done{1};         // 0 while a report is being written
constinit std::atomic<uint64_t> g_exits_since{0};  // 0: the process is not exiting

}  // namespace

// Either the thread that exits sees that something is being written, or this one that the process exits.
void begin_writing() {
  g_done.store(0);
  const uint64_t since_ns = g_exits_since.load();
  if (since_ns == 0) return;
  g_done.store(1);
  static constinit std::atomic<uint32_t> never{0};
  for (uint64_t now_ns = monotonic_ns(); now_ns < since_ns + kRestOfExitNs; now_ns = monotonic_ns())
    sleep_on(never, 0, since_ns + kRestOfExitNs - now_ns);
  g_done.store(0);
}

void end_writing() {
  g_done.store(1);
  if (g_exits_since.load() != 0) wake(g_done);
}

void await_written_at_exit(uint64_t until_ns) {
  g_exits_since.store(monotonic_ns());
  for (uint64_t now_ns = monotonic_ns(); g_done.load() == 0 && now_ns < until_ns; now_ns = monotonic_ns())
    sleep_on(g_done, 0, until_ns - now_ns);
}

void writing_reset() {
  g_done.store(1);
  g_exits_since.store(0);
}

}  // namespace holdwatch
