// The rules of shim/common/proc/thread_files.h.
#include "shim/common/proc/thread_files.h"

#include <string>

#include "tests/catch.h"

using namespace holdwatch;

namespace {

const std::string kStatus =
    "Name:\tworker\nUmask:\t0022\nState:\tS (sleeping)\nTgid:\t4700\nPid:\t4711\nNSpid:\t4711\t12\n"
    "SigPnd:\t0000000000000000\nSigBlk:\t8000000000000200\nSigIgn:\t0000000000001000\n"
    "Mems_allowed_list:\t0\nvoluntary_ctxt_switches:\t31\nnonvoluntary_ctxt_switches:\t4\n";

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

TEST_CASE("on a kernel that does not count a thread's filters, a filter is still detected") {
  StatusFile status;
  REQUIRE(parse_status(kStatus, &status));
  CHECK(status.seccomp_filters == 0);
  REQUIRE(parse_status(kStatus + "Seccomp:\t2\n", &status));
  CHECK(status.seccomp_filters == 1);
  REQUIRE(parse_status(kStatus + "Seccomp:\t2\nSeccomp_filters:\t3\n", &status));
  CHECK(status.seccomp_filters == 3);
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

TEST_CASE("a process's start is the 22nd field of stat, whatever its name") {
  const std::string after = " S 1 1 1 0 -1 4194560 96 0 0 0 0 0 0 0 20 0 1 0 1234 2600960 220\n";
  for (const std::string name : {"(cat)", "(a b)", "(1) S 2 (x)", "()"})
    CHECK(parse_start_time("4700 " + name + after) == 12'340'000'000u);
  for (const char* text :
       {"", "4700", "4700 (cat)", "4700 (cat) S 1 1", "4700 (cat) S 1 1 1 0 -1 4194560 96 0 0 0 0 0 0 0 20 0 1 0 "})
    CHECK_FALSE(parse_start_time(text));
}

TEST_CASE("a field of a status file is found by its whole name") {
  const std::string status = "Name:\tTracerPid:\t9\nState:\tS (sleeping)\nTracerPid:\t0\nSigBlk:\t8000000000000201\n";
  CHECK(status_number(status, "TracerPid") == 0u);
  CHECK(status_field(status, "State") == "S (sleeping)");
  CHECK_FALSE(status_field(status, "Pid"));
  CHECK_FALSE(status_field("State", "State"));
  CHECK_FALSE(status_number(status, "State"));
  CHECK(status_mask(status, "SigBlk") == 0x8000000000000201);
}

TEST_CASE("both kinds of switches are summed up, and a line that ends too early counts nothing") {
  CHECK(count_switches("State:\tS\nvoluntary_ctxt_switches:\t17\nnonvoluntary_ctxt_switches:\t3\n") == 20);
  CHECK_FALSE(count_switches("voluntary_ctxt_switches:\t17\nnonvoluntary_ctxt_switches:"));
  CHECK_FALSE(count_switches("voluntary_ctxt_switches:\t17\n"));
  CHECK_FALSE(count_switches(""));
}

TEST_CASE("a signal waits for the thread or for its process") {
  CHECK(pending_signals("SigPnd:\t0000000000000200\nShdPnd:\t0000000000000001\n") == 0x201);
  CHECK(pending_signals("SigBlk:\tffff\n") == 0);
}

TEST_CASE("only a status that says so is of a thread without a filter of system calls") {
  CHECK_FALSE(may_have_seccomp_filter("Name:\tx\nSeccomp:\t0\nSeccomp_filters:\t0\n"));
  const char* const text = GENERATE("Seccomp:\t2\n", "Seccomp:\t1\n", "Name:\tSeccomp:\t0\n", "Seccomp:\t\n", "");
  INFO(text);
  CHECK(may_have_seccomp_filter(text));
}

TEST_CASE("fields of stat are counted from the end of the name, and a negative number is rejected") {
  const std::string stat = "4700 (a) 1 2 3) S 7 8 9 0 -1 4194560 96\n";
  CHECK(stat_number(stat, 4) == 7u);
  CHECK(stat_number(stat, 7) == 0u);
  CHECK_FALSE(stat_number(stat, 8));
  CHECK(stat_number(stat, 9) == 4194560u);
  CHECK(stat_number(stat, 10) == 96u);
  CHECK_FALSE(stat_number(stat, 11));
  CHECK_FALSE(stat_number(stat, 3));
}
