// With which registers a thread goes on whose system call was broken off. The memory is this process's own.
#include "symbolizer/tools/attach/restart.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

#include "symbolizer/unwind/process_memory.h"
#include "tests/catch.h"
#include "tests/unit/cancellable_calls.h"

using namespace holdwatch;
using namespace holdwatch::attach;

namespace {

constexpr long kRestartAlways = -512, kRestartNoHandler = -514, kRestartBlock = -516;
const unsigned char code[] = {0x0f, 0x05, 0x90};  // syscall; nop
const unsigned char other_code[] = {0xcd, 0x80, 0x90};

user_regs_struct stopped_in(long number, long result, const unsigned char* instruction = code) {
  user_regs_struct registers{};
  registers.orig_rax = static_cast<unsigned long long>(number);
  registers.rax = static_cast<unsigned long long>(result);
  registers.rip = reinterpret_cast<uintptr_t>(instruction) + 2;
  return registers;
}

bool is_made_again(const user_regs_struct& before, const user_regs_struct& after) {
  return after.rip == before.rip - 2 && after.rax == before.orig_rax && after.orig_rax == ~0ull;
}

bool is_same(const user_regs_struct& before, const user_regs_struct& after) {
  return after.rip == before.rip && after.rax == before.rax && after.orig_rax == before.orig_rax;
}

}  // namespace

TEST_CASE("the kernel goes on by itself with what it means to make again") {
  ProcessMemory memory(getpid());
  for (const long result : {kRestartAlways, kRestartNoHandler, kRestartBlock}) {
    const user_regs_struct stopped = stopped_in(SYS_nanosleep, result);
    CHECK(can_go_on(stopped));
    CHECK(is_same(stopped, to_go_on(stopped, false, memory)));
    CHECK(is_made_again(stopped, to_begin_again(stopped, false, memory)));
  }
}

TEST_CASE("an interrupted call is restarted, unless a signal of the program interrupted it") {
  ProcessMemory memory(getpid());
  const user_regs_struct stopped = stopped_in(SYS_epoll_wait, -EINTR);
  CHECK(can_go_on(stopped));
  CHECK(is_made_again(stopped, to_go_on(stopped, false, memory)));
  CHECK(is_made_again(stopped, to_begin_again(stopped, false, memory)));
  CHECK(is_same(stopped, to_go_on(stopped, true, memory)));
  CHECK(is_same(stopped, to_begin_again(stopped, true, memory)));
  const user_regs_struct by_other_means = stopped_in(SYS_epoll_wait, -EINTR, other_code);
  CHECK(is_same(by_other_means, to_go_on(by_other_means, false, memory)));
}

TEST_CASE("a signal that waits ends a call that handlers end, also where it would begin again") {
  ProcessMemory memory(getpid());
  const user_regs_struct stopped = stopped_in(SYS_pause, kRestartNoHandler);
  const user_regs_struct after = to_begin_again(stopped, true, memory);
  CHECK(after.rip == stopped.rip);
  CHECK(static_cast<long>(after.rax) == -EINTR);
  CHECK(after.orig_rax == ~0ull);
}

TEST_CASE("what is no such call cannot go on") {
  CHECK_FALSE(can_go_on(stopped_in(-1, kRestartAlways)));
  CHECK_FALSE(can_go_on(stopped_in(SYS_connect, -EINTR)));
  CHECK_FALSE(can_go_on(stopped_in(SYS_read, 17)));
}

namespace {

// A call that goes on as restart_syscall, and so with the number of that.
user_regs_struct resumed_at(uintptr_t ip, uintptr_t sp) {
  user_regs_struct registers{};
  registers.orig_rax = SYS_restart_syscall;
  registers.rax = static_cast<unsigned long long>(kRestartBlock);
  registers.rip = ip;
  registers.rsp = sp;
  return registers;
}

bool is_made_again_as(long number, const user_regs_struct& before, const user_regs_struct& after) {
  return after.rip == before.rip - 2 && static_cast<long>(after.rax) == number && after.orig_rax == ~0ull;
}

bool is_ended(const user_regs_struct& before, const user_regs_struct& after) {
  return after.rip == before.rip && static_cast<long>(after.rax) == -EINTR && after.orig_rax == ~0ull;
}

// Calls with `number` in eax, with enough before that to be looked at.
std::vector<unsigned char> code_that_calls(long number) {
  std::vector<unsigned char> bytes(512, 0x90);
  bytes.insert(bytes.end(), {0xb8, static_cast<unsigned char>(number), static_cast<unsigned char>(number >> 8), 0, 0});
  bytes.insert(bytes.end(), {0x0f, 0x05});
  return bytes;
}

}  // namespace

TEST_CASE("what restart_syscall goes on with is made again under its own number, as the code before the call has it") {
  ProcessMemory memory(getpid());
  const uintptr_t stack[64] = {};
  for (const long number : {SYS_nanosleep, SYS_clock_nanosleep, SYS_poll, SYS_futex}) {
    const std::vector<unsigned char> bytes = code_that_calls(number);
    const user_regs_struct stopped = resumed_at(test::range_of(bytes).end, reinterpret_cast<uintptr_t>(stack));
    CHECK(is_made_again_as(number, stopped, to_begin_again(stopped, false, memory)));
    CHECK(is_ended(stopped, to_begin_again(stopped, true, memory)));
  }
}

TEST_CASE("the same where glibc 2.41 has the number, which is on the stack of its caller") {
  ProcessMemory memory(getpid());
  test::CancellableCalls calls;
  for (const CallRegisters& cut_short : {calls.cut_short_in_arch(), calls.cut_short_in_caller()}) {
    const user_regs_struct stopped = resumed_at(cut_short.ip, cut_short.sp);
    CHECK(is_made_again_as(SYS_poll, stopped, to_begin_again(stopped, false, memory)));
  }
}

TEST_CASE("a call is ended whose number cannot be told, or is none that is gone on with so") {
  ProcessMemory memory(getpid());
  const uintptr_t stack[64] = {};
  const std::vector<unsigned char> of_read = code_that_calls(SYS_read), unknown(512, 0x90);
  for (const auto* bytes : {&of_read, &unknown}) {
    const user_regs_struct stopped = resumed_at(test::range_of(*bytes).end, reinterpret_cast<uintptr_t>(stack));
    CHECK(is_ended(stopped, to_begin_again(stopped, false, memory)));
  }
  test::CancellableCalls calls;
  calls.return_address() = 1;
  const user_regs_struct stopped = resumed_at(calls.cut_short_in_arch().ip, calls.cut_short_in_arch().sp);
  CHECK(is_ended(stopped, to_begin_again(stopped, false, memory)));
}
