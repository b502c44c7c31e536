// Which call it is that restart_syscall goes on with.
#include "symbolizer/activity/restarted.h"

#include <sys/syscall.h>
#include <time.h>

#include "tests/catch.h"
#include "tests/unit/fake_process.h"

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

namespace {

constexpr uintptr_t kCode = 0x401000;

struct Restarted {
  SystemCall call{};
  test::FakeMemory memory;

  Restarted() {
    call.known = true;
    call.number = SYS_restart_syscall;
    call.arguments[0] = kAddress;
  }
  // The thread's code up to where it goes on.
  void put_code(const test::ByteVector& last) {
    test::ByteVector code(64, 0x90);
    test::append(code, last);
    ip = kCode + code.size();
    memory.regions[kCode] = code;
  }
  uintptr_t ip = 0;
  long resumed() { return resumed_call(call, ip, memory).number; }
};

}  // namespace

TEST_CASE_METHOD(Restarted, "the code before a call still has its number") {
  put_code({0xb8, 0xe6, 0, 0, 0, 0x0f, 0x05});
  CHECK(resumed() == SYS_clock_nanosleep);
  put_code({0xb8, 0xca, 0, 0, 0, 0x0f, 0x05});
  CHECK(resumed() == SYS_futex);
  call.number = SYS_read;
  CHECK(resumed() == SYS_read);
}

TEST_CASE_METHOD(Restarted, "a number that is in a register tells nothing, nor one of a call that is never resumed") {
  put_code({0x0f, 0x05});
  CHECK(resumed() == SYS_restart_syscall);
  put_code({0xb8, 0x2d, 0, 0, 0, 0x0f, 0x05});
  CHECK(resumed() == SYS_restart_syscall);
  memory.regions.clear();
  CHECK(resumed() == SYS_restart_syscall);
}

TEST_CASE_METHOD(Restarted, "where the code does not tell, a clock and a time are arguments of clock_nanosleep") {
  put_code({0x0f, 0x05});
  call.arguments[0] = CLOCK_MONOTONIC;
  call.arguments[1] = TIMER_ABSTIME;
  call.arguments[2] = kAddress;
  CHECK(resumed() == SYS_clock_nanosleep);
  call.arguments[0] = call.arguments[1] = 0;
  call.arguments[2] = 60'000;  // poll(nullptr, 0, 60'000)
  CHECK(resumed() == SYS_restart_syscall);
}
