// The table of system calls against the numbers that the compiler knows.
#include "symbolizer/activity/syscalls.h"

#include <sys/syscall.h>

#include <climits>
#include <string>

#include "tests/catch.h"

using namespace holdwatch;

namespace {

std::string name_of(long number) {
  const SystemCallRow* row = find_system_call(number);
  return row == nullptr ? "" : std::string(row->name);
}

}  // namespace

TEST_CASE("system calls are found under the numbers of the system's headers") {
#define CHECK_NAME(call) CHECK(name_of(SYS_##call) == #call)
  CHECK_NAME(read);
  CHECK_NAME(write);
  CHECK_NAME(poll);
  CHECK_NAME(select);
  CHECK_NAME(sendto);
  CHECK_NAME(recvmsg);
  CHECK_NAME(connect);
  CHECK_NAME(wait4);
  CHECK_NAME(flock);
  CHECK_NAME(futex);
  CHECK_NAME(epoll_wait);
  CHECK_NAME(clock_nanosleep);
  CHECK_NAME(openat);
  CHECK_NAME(ppoll);
  CHECK_NAME(accept4);
  CHECK_NAME(pidfd_send_signal);
  CHECK_NAME(io_uring_enter);
  CHECK_NAME(epoll_pwait2);
  CHECK_NAME(futex_waitv);
  CHECK_NAME(mmap);
  CHECK_NAME(mprotect);
  CHECK_NAME(getitimer);
  CHECK_NAME(membarrier);
#undef CHECK_NAME
}

TEST_CASE("the rows written by hand have the names of the system's header") {
  CHECK(kHeaderRowCount > 300);
  for (size_t i = 0; i < kHeaderRowCount; ++i) CHECK(name_of(kHeaderRows[i].number) == kHeaderRows[i].name);
}

TEST_CASE("numbers that no system call has are not found") {
  for (const long number : {-1L, 400L, 1'000'000L, LONG_MAX, LONG_MIN}) CHECK(find_system_call(number) == nullptr);
}

TEST_CASE("rows contain only known letters, for at most six arguments") {
  for (long number = 0; number < 512; ++number) {
    const SystemCallRow* row = find_system_call(number);
    if (row == nullptr) continue;
    INFO(row->name);
    CHECK(row->number == number);
    CHECK_FALSE(row->name.empty());
    CHECK(row->arguments.size() <= 6);
    CHECK(row->arguments.find_first_not_of("dsrwcf@ohmtapilknx.0AUFVPQSRCNWI") == std::string_view::npos);
    // A letter for a whole call stands alone.
    if (row->arguments.find_first_of("0AUFVPQSRCNWI") != std::string_view::npos) CHECK(row->arguments.size() == 1);
  }
}
