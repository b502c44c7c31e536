#include "shim/common/kernel/system_call.h"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "tests/catch.h"

using namespace holdwatch;

TEST_CASE("a system call of our own answers as the kernel does, and leaves errno alone") {
  errno = 7;
  CHECK(system_call(SYS_getpid) == getpid());
  CHECK(system_call(SYS_close, -1) == -EBADF);
  CHECK(errno == 7);
}

TEST_CASE("all six arguments arrive") {
  const long page = system_call(SYS_mmap, nullptr, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK_FALSE(failed(page));
  CHECK(system_call(SYS_munmap, page, 4096) == 0);
  CHECK(failed(system_call(SYS_mmap, nullptr, 4096, PROT_READ, MAP_PRIVATE, -1, 0)));
}
