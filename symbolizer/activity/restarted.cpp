// See restarted.h. Four calls are resumed like this (the users of set_restart_fn in the kernel, 6.18).
#include "symbolizer/activity/restarted.h"

#include <sys/syscall.h>

namespace holdwatch {
namespace {

// nanosleep's first argument is an address, clock_nanosleep's a small number, or a negative one for a thread's or
// process's clock.
bool is_clock(uint64_t argument) {
  constexpr int32_t kMaxClocks = 16;
  return static_cast<int32_t>(static_cast<uint32_t>(argument)) < kMaxClocks && argument >> 32 == 0;
}

// 0 if it cannot be determined. The names differ between versions: poll_schedule_timeout; futex_wait_queue,
// futex_do_wait; hrtimer_nanosleep, do_cpu_nanosleep, alarmtimer_do_nsleep. The kernel skips functions of its
// scheduler, including the resumed sleep: then it shows its own entry (do_syscall_64, __x64_sys_restart_syscall).
long number_of(std::string_view wait_channel, uint64_t first_argument) {
  const auto names = [&](std::string_view part) { return wait_channel.find(part) != std::string_view::npos; };
  if (names("poll")) return SYS_poll;
  if (names("futex")) return SYS_futex;
  if (names("sleep") || names("sys")) return is_clock(first_argument) ? SYS_clock_nanosleep : SYS_nanosleep;
  return 0;
}

}  // namespace

SystemCall resumed_call(const SystemCall& call, std::string_view wait_channel) {
  SystemCall resumed = call;
  if (!call.known || call.number != SYS_restart_syscall) return resumed;
  if (const long number = number_of(wait_channel, call.arguments[0]); number != 0) resumed.number = number;
  return resumed;
}

}  // namespace holdwatch
