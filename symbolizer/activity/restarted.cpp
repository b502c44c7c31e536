// See restarted.h. Four calls are resumed like this (the users of set_restart_fn in the kernel, 6.18).
#include "symbolizer/activity/restarted.h"

#include <sys/syscall.h>
#include <time.h>

#include <algorithm>

#include "shim/common/glibc/interrupted_call.h"

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

// The longest of the forms that system_call_before knows.
constexpr size_t kCodeBeforeCall = 32;

// -1 if the code before `ip` does not load a constant.
long number_in_code(uintptr_t ip, MemoryReader& memory) {
  unsigned char code[kCodeBeforeCall];
  if (ip < sizeof code || memory.read_constant(ip - sizeof code, code, sizeof code) != sizeof code) return -1;
  return system_call_before(code, sizeof code);
}

bool is_resumable(long number) {
  constexpr long kResumable[] = {SYS_nanosleep, SYS_clock_nanosleep, SYS_poll, SYS_futex};
  return std::find(std::begin(kResumable), std::end(kResumable), number) != std::end(kResumable);
}

// Since glibc 2.41 many calls are made in one place, which has the number in a register (glibc/interrupted_call.cpp). Of the four,
// clock_nanosleep alone begins with a clock, where poll(nullptr, 0, TIMEOUT) has a small third argument.
bool has_arguments_of_clock_nanosleep(const SystemCall& call) {
  return is_clock(call.arguments[0]) && call.arguments[1] <= TIMER_ABSTIME && call.arguments[2] > UINT32_MAX;
}

}  // namespace

SystemCall resumed_call(const SystemCall& call, std::string_view wait_channel) {
  SystemCall resumed = call;
  if (!call.known || call.number != SYS_restart_syscall) return resumed;
  if (const long number = number_of(wait_channel, call.arguments[0]); number != 0) resumed.number = number;
  return resumed;
}

SystemCall resumed_call(const SystemCall& call, uintptr_t ip, MemoryReader& memory) {
  SystemCall resumed = call;
  if (!call.known || call.number != SYS_restart_syscall) return resumed;
  const long number = number_in_code(ip, memory);
  if (is_resumable(number))
    resumed.number = number;
  else if (number < 0 && has_arguments_of_clock_nanosleep(call))
    resumed.number = SYS_clock_nanosleep;
  return resumed;
}

}  // namespace holdwatch
