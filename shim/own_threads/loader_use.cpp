// See loader_use.h.
#include "shim/own_threads/loader_use.h"

#include <sys/syscall.h>

#include "shim/base/clock.h"
#include "shim/base/os.h"
#include "shim/common/kernel/system_call.h"
#include "shim/own_threads/seccomp_state.h"

namespace holdwatch {
namespace {

constexpr uint64_t kForkNs = kNanosecondsPerSecond;

std::atomic<int> g_inside[kLoaderUsers];
std::atomic<uint32_t> g_left{0};   // how often one has left; slept on by forking threads
std::atomic<uint32_t> g_forks{0};  // under way; slept on by our threads

// Under a filter, which may forbid the question, the thread will not go into the loader either.
int own_tid() {
  const SystemCallScope calls;
  return calls_filtered() ? 0 : static_cast<int>(system_call(SYS_gettid));
}

void leave(std::atomic<int>& inside) {
  inside.store(0);
  g_left.fetch_add(1);
  wake(g_left);
}

}  // namespace

// Both sides announce themselves before they look for the other, in one order for all threads (sequentially consistent):
// so at least one of the two sees the other. A fork that is under way has the right of way.
LoaderUse::LoaderUse(LoaderUser user) : tid_(g_inside[static_cast<int>(user)]) {
  const int tid = own_tid();
  const uint64_t until_ns = monotonic_ns() + kForkNs;
  while (true) {
    tid_.store(tid);
    const uint32_t forks = g_forks.load();
    const uint64_t now_ns = monotonic_ns();
    if (forks == 0 || now_ns >= until_ns) return;
    leave(tid_);
    sleep_on(g_forks, forks, until_ns - now_ns);
  }
}

LoaderUse::~LoaderUse() {
  leave(tid_);
}

int thread_in_loader() {
  for (const std::atomic<int>& inside : g_inside) {
    if (const int tid = inside.load(); tid != 0) return tid;
  }
  return 0;
}

void loader_use_before_fork() {
  g_forks.fetch_add(1);
}

// The handlers of a fork that began before they were registered may run all the same: never below zero.
void loader_use_after_fork() {
  uint32_t forks = g_forks.load();
  while (forks != 0 && !g_forks.compare_exchange_weak(forks, forks - 1)) {
  }
  if (forks == 1) wake(g_forks);
}

void loader_use_in_child() {
  g_forks.store(0);
  for (std::atomic<int>& inside : g_inside) inside.store(0);
}

void sleep_until_loader_left(uint64_t timeout_ns) {
  const uint32_t left = g_left.load();
  if (thread_in_loader() != 0) sleep_on(g_left, left, timeout_ns);
}

}  // namespace holdwatch
