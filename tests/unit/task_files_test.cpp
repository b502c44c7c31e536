// What /proc says of a thread: the readers on this very thread.
#include "shim/inspection/task_files.h"

#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "tests/catch.h"

using namespace holdwatch;

namespace {

int current_tid() {
  return static_cast<int>(syscall(SYS_gettid));
}

}  // namespace

TEST_CASE("the files of this thread can be read, and say that it runs") {
  StatusFile status;
  REQUIRE(read_status_file(current_tid(), &status) == 0);
  CHECK(status.state == 'R');
  CHECK(status.is_of(current_tid()));
  SyscallFile file;
  REQUIRE(read_syscall_file(current_tid(), &file) == 0);
  // A thread that reads its own file is in that very read, and so neither blocked nor "running" for the kernel.
  CHECK(file.kind == SyscallFile::Kind::in_call);
  CHECK(file.call.number == SYS_read);
  CHECK(proc_shows_us());
}

TEST_CASE("a thread's name is read without its newline, up to the longest that there is") {
  const char* const wanted = GENERATE("", "x", "fifteen-letters");
  char before[kThreadNameSize];
  prctl(PR_GET_NAME, before);
  prctl(PR_SET_NAME, wanted);
  char name[kThreadNameSize];
  const int error = read_thread_name(current_tid(), name);
  prctl(PR_SET_NAME, before);
  REQUIRE(error == 0);
  CHECK(std::string(name) == wanted);
}

TEST_CASE("a thread that is not there is reported as such") {
  StatusFile status;
  CHECK(read_status_file(0x3fffffff, &status) == ENOENT);
  SyscallFile file;
  CHECK(read_syscall_file(0x3fffffff, &file) == ENOENT);
}
