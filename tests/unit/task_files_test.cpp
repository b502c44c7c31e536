// What /proc says of a thread: the parsers on text, and the readers on this very thread.
#include "shim/inspection/task_files.h"

#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "tests/catch.h"

using namespace holdwatch;

namespace {

const std::string kStatus =
    "Name:\tworker\nUmask:\t0022\nState:\tS (sleeping)\nTgid:\t4700\nPid:\t4711\nNSpid:\t4711\t12\n"
    "SigPnd:\t0000000000000000\nSigBlk:\t8000000000000200\nSigIgn:\t0000000000001000\n"
    "Mems_allowed_list:\t0\nvoluntary_ctxt_switches:\t31\nnonvoluntary_ctxt_switches:\t4\n";

int own_tid() {
  return static_cast<int>(syscall(SYS_gettid));
}

std::string without_line(std::string text, const std::string& key) {
  const size_t start = text.find(key);
  return text.erase(start, text.find('\n', start) + 1 - start);
}

}  // namespace

TEST_CASE("a thread on a processor is running, and nothing else is known") {
  const SyscallFile file = parse_syscall("running\n");
  CHECK(file.kind == SyscallFile::Kind::running);
  CHECK_FALSE(file.call.known);
}

TEST_CASE("a blocked thread's line gives the call, its arguments, and both pointers") {
  const SyscallFile file =
      parse_syscall("44 0x29 0x7ff156823000 0x20000 0x4000 0xffffffffffffffff 0x0 0x7ffe79d21838 0x7ff15699d2ad\n");
  REQUIRE(file.kind == SyscallFile::Kind::in_call);
  CHECK(file.call.known);
  CHECK(file.call.number == 44);
  CHECK(file.call.arguments[0] == 0x29);
  CHECK(file.call.arguments[1] == 0x7ff156823000);
  CHECK(file.call.arguments[4] == UINT64_MAX);
  CHECK(file.call.arguments[5] == 0);
  CHECK(file.sp == 0x7ffe79d21838);
  CHECK(file.pc == 0x7ff15699d2ad);
}

TEST_CASE("a thread blocked outside a system call has its pointers, and no call") {
  const SyscallFile file = parse_syscall("-1 0x7ffe79d21838 0x7ff15699d2ad\n");
  CHECK(file.kind == SyscallFile::Kind::blocked_outside);
  CHECK_FALSE(file.call.known);
  CHECK(file.sp == 0x7ffe79d21838);
  CHECK(file.pc == 0x7ff15699d2ad);
}

TEST_CASE("a line that is cut short, too long or nonsense is not understood") {
  const char* const text = GENERATE("", "\n", "44\n", "44 0x1 0x2\n", "44 0x1 0x2 0x3 0x4 0x5 0x6 0x7\n", "-1 0x1\n",
                                    "-1 0x1 0x2 0x3\n", "1 2 3 4 5 6 7 8 9 10\n", "hello\n");
  INFO(text);
  const SyscallFile file = parse_syscall(text);
  CHECK(file.kind == SyscallFile::Kind::not_understood);
  CHECK_FALSE(file.call.known);
}

TEST_CASE("status gives state, mask, switches, and the id in the innermost namespace") {
  StatusFile status;
  REQUIRE(parse_status(kStatus, &status));
  CHECK(status.state == 'S');
  CHECK(status.process == 4700);
  CHECK(status.blocked_signals == 0x8000000000000200);
  CHECK(status.voluntary_switches == 31);
  CHECK(status.involuntary_switches == 4);
  CHECK(status.switches() == 35);
  CHECK(status.is_of(12));
  CHECK_FALSE(status.is_of(4711));
}

TEST_CASE("a kernel that does not count a thread's filters of system calls still tells that there is one") {
  StatusFile status;
  REQUIRE(parse_status(kStatus, &status));
  CHECK(status.call_filters == 0);
  REQUIRE(parse_status(kStatus + "Seccomp:\t2\n", &status));
  CHECK(status.call_filters == 1);
  REQUIRE(parse_status(kStatus + "Seccomp:\t2\nSeccomp_filters:\t3\n", &status));
  CHECK(status.call_filters == 3);
}

TEST_CASE("a kernel without process id namespaces does not name the thread's id, and any will do") {
  StatusFile status;
  REQUIRE(parse_status(without_line(kStatus, "NSpid:"), &status));
  CHECK(status.is_of(4711));
}

TEST_CASE("a status without one of the fields that count is refused") {
  const char* const key = GENERATE("State:", "SigBlk:", "voluntary_ctxt", "nonvoluntary");
  INFO(key);
  StatusFile status;
  CHECK_FALSE(parse_status(without_line(kStatus, key), &status));
}

TEST_CASE("a thread's name cannot pass for a field") {
  StatusFile status;
  REQUIRE(parse_status("Name:\tState:\tR\\nSigBlk:\tff\n" + kStatus.substr(kStatus.find('\n') + 1), &status));
  CHECK(status.state == 'S');
  CHECK(status.blocked_signals == 0x8000000000000200);
}

TEST_CASE("the files of this thread can be read, and say that it runs") {
  StatusFile status;
  REQUIRE(read_status_file(own_tid(), &status) == 0);
  CHECK(status.state == 'R');
  CHECK(status.is_of(own_tid()));
  SyscallFile file;
  REQUIRE(read_syscall_file(own_tid(), &file) == 0);
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
  const int error = read_thread_name(own_tid(), name);
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

TEST_CASE("a process's start is the 22nd field of stat, whatever its name") {
  const std::string after = " S 1 1 1 0 -1 4194560 96 0 0 0 0 0 0 0 20 0 1 0 1234 2600960 220\n";
  for (const std::string name : {"(cat)", "(a b)", "(1) S 2 (x)", "()"})
    CHECK(parse_start_time("4700 " + name + after) == 12'340'000'000u);
  for (const char* text :
       {"", "4700", "4700 (cat)", "4700 (cat) S 1 1", "4700 (cat) S 1 1 1 0 -1 4194560 96 0 0 0 0 0 0 0 20 0 1 0 "})
    CHECK_FALSE(parse_start_time(text));
}
