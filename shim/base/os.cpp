// See os.h.
#include "shim/base/os.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>

#include "shim/base/clock.h"
#include "shim/base/clock_line.h"
#include "shim/base/thread_mode.h"
#include "shim/common/kernel/system_call.h"

namespace holdwatch {

ClockLine g_clock_line;
HOLDWATCH_TLS ThreadMode t_mode = ThreadMode::recording;

void* reserve_memory(size_t size) {
  const long memory =
      system_call(SYS_mmap, nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return failed(memory) ? nullptr : reinterpret_cast<void*>(memory);
}

void release_pages(void* start, size_t size) {
  system_call(SYS_madvise, start, size, MADV_DONTNEED);
}

void move_away(int* descriptors, size_t count) {
  constexpr int kFarAway = 100;
  for (size_t i = 0; i < count; ++i) {
    const long moved = system_call(SYS_fcntl, descriptors[i], F_DUPFD_CLOEXEC, kFarAway);
    if (moved < 0) continue;
    system_call(SYS_close, descriptors[i]);
    descriptors[i] = static_cast<int>(moved);
  }
}

void sleep_on(std::atomic<uint32_t>& word, uint32_t expected, uint64_t timeout_ns) {
  timespec timeout{static_cast<time_t>(timeout_ns / kNanosecondsPerSecond),
                   static_cast<long>(timeout_ns % kNanosecondsPerSecond)};
  system_call(SYS_futex, &word, FUTEX_WAIT_PRIVATE, expected, &timeout, nullptr, 0);
}

void wake(std::atomic<uint32_t>& word) {
  system_call(SYS_futex, &word, FUTEX_WAKE_PRIVATE, INT32_MAX, nullptr, nullptr, 0);
}

}  // namespace holdwatch
