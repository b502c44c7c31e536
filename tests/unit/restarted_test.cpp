// Which call it is that restart_syscall goes on with.
#include "symbolizer/activity/restarted.h"

#include <sys/syscall.h>
#include <time.h>

#include "tests/catch.h"

using namespace holdwatch;

namespace {

long resumed(const char* wait_channel, uint64_t first_argument, long number = SYS_restart_syscall) {
  SystemCall call{};
  call.known = true;
  call.number = number;
  call.arguments[0] = first_argument;
  const SystemCall found = resumed_call(call, wait_channel);
  CHECK(found.arguments[0] == first_argument);
  return found.number;
}

constexpr uint64_t kAddress = 0x7ffc'0000'1000;

}  // namespace

TEST_CASE("the kernel's function and the first argument show what restart_syscall resumes") {
  CHECK(resumed("hrtimer_nanosleep", kAddress) == SYS_nanosleep);
  CHECK(resumed("hrtimer_nanosleep", CLOCK_MONOTONIC) == SYS_clock_nanosleep);
  CHECK(resumed("do_cpu_nanosleep", static_cast<uint32_t>(-6)) == SYS_clock_nanosleep);
  CHECK(resumed("alarmtimer_do_nsleep", CLOCK_BOOTTIME_ALARM) == SYS_clock_nanosleep);
  CHECK(resumed("do_syscall_64", kAddress) == SYS_nanosleep);
  CHECK(resumed("__x64_sys_restart_syscall", CLOCK_MONOTONIC) == SYS_clock_nanosleep);
  CHECK(resumed("poll_schedule_timeout.constprop.0", kAddress) == SYS_poll);
  CHECK(resumed("futex_wait_queue", kAddress) == SYS_futex);
  CHECK(resumed("futex_do_wait", kAddress) == SYS_futex);
}

TEST_CASE("a call that is not known to be resumed stays what it is") {
  CHECK(resumed("0", kAddress) == SYS_restart_syscall);
  CHECK(resumed("", kAddress) == SYS_restart_syscall);
  CHECK(resumed("hrtimer_nanosleep", kAddress, SYS_epoll_wait) == SYS_epoll_wait);
}
