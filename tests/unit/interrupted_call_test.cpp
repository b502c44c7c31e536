// Which system call a signal cut short: read from code of every known shape, and from all of the running libc.
#include "shim/common/glibc/interrupted_call.h"

#include <gnu/libc-version.h>
#include <sys/syscall.h>

#include <cerrno>
#include <cstring>
#include <initializer_list>
#include <map>
#include <vector>

#include "shim/inspection/local_memory.h"
#include "tests/catch.h"
#include "tests/unit/cancellable_calls.h"

using namespace holdwatch;
using holdwatch::test::CancellableCalls;
using holdwatch::test::range_of;

namespace {

// Code that ends in `syscall`, with harmless bytes before.
std::vector<unsigned char> code(std::initializer_list<unsigned char> end) {
  std::vector<unsigned char> bytes(32, 0x90);
  bytes.insert(bytes.end(), end);
  bytes.insert(bytes.end(), {0x0f, 0x05});
  return bytes;
}

long number_in(const std::vector<unsigned char>& bytes) {
  return system_call_before(bytes.data(), bytes.size());
}

CallRegisters cut_short_at_end(const std::vector<unsigned char>& bytes) {
  const uintptr_t end = range_of(bytes).end;
  return {end, -EINTR, end, 0, 0};
}

}  // namespace

TEST_CASE("the number of a cancellation point's call is read from where glibc 2.41 keeps it") {
  CancellableCalls calls;
  CHECK(can_distinguish_calls(calls.range()));
  CHECK(call_cut_short(calls.cut_short_in_arch(), calls.range()) == SYS_poll);
  CHECK(call_cut_short(calls.cut_short_in_caller(), calls.range()) == SYS_poll);
}

TEST_CASE(
    "where a cancellation point's number cannot be found, nothing is guessed, and the libc is known to be of that "
    "kind") {
  CancellableCalls calls;
  calls.return_address() += 1;
  CHECK(call_cut_short(calls.cut_short_in_arch(), calls.range()) == -1);
  CancellableCalls other;
  other.spoil_the_load();
  CHECK_FALSE(can_distinguish_calls(other.range()));
  CHECK(call_cut_short(other.cut_short_in_arch(), other.range()) == -1);
  const std::vector<unsigned char> nothing(4096, 0x90);
  CHECK_FALSE(can_distinguish_calls(range_of(nothing)));
}

TEST_CASE("the number of a call by syscall(2) is the one that its hook has noted for this very call") {
  const std::vector<unsigned char> function =
      code({0x48, 0x89, 0xf8, 0x48, 0x89, 0xf7, 0x48, 0x89, 0xd6, 0x48, 0x89, 0xca,
            0x4d, 0x89, 0xc2, 0x4d, 0x89, 0xc8, 0x4c, 0x8b, 0x4c, 0x24, 0x08});
  CallRegisters registers = cut_short_at_end(function);
  registers.sp = 0x7000, registers.di = 1, registers.si = 2;
  CHECK(call_cut_short(registers, range_of(function)) == -1);
  registers.noted = {SYS_poll, 0x7000, 1, 2};
  CHECK(call_cut_short(registers, range_of(function)) == SYS_poll);
  for (uint64_t NotedCall::*part : {&NotedCall::sp, &NotedCall::first, &NotedCall::second}) {
    CallRegisters other = registers;
    ++(other.noted.*part);
    CHECK(call_cut_short(other, range_of(function)) == -1);
  }
}

TEST_CASE("the number is read from the load right before the call") {
  CHECK(number_in(code({0xb8, 0x07, 0, 0, 0})) == SYS_poll);
  CHECK(number_in(code({0xb8, 0x19, 0x01, 0, 0})) == SYS_epoll_pwait);
  CHECK(number_in(code({0x31, 0xc0})) == SYS_read);
}

TEST_CASE("the number is read past argument registers that are loaded from the stack") {
  // mov 0x4(%rsp),%edi
  CHECK(number_in(code({0xb8, 0x19, 0x01, 0, 0, 0x8b, 0x7c, 0x24, 0x04})) == SYS_epoll_pwait);
  // mov 0x10(%rsp),%rsi; mov 0x8(%rsp),%edi
  CHECK(number_in(code({0xb8, 0x2c, 0, 0, 0, 0x48, 0x8b, 0x74, 0x24, 0x10, 0x8b, 0x7c, 0x24, 0x08})) == SYS_sendto);
  CHECK(number_in(code({0xb8, 0x2d, 0, 0, 0, 0x48, 0x8b, 0x54, 0x24, 0x10, 0x48, 0x8b, 0x74, 0x24, 0x08})) ==
        SYS_recvfrom);
}

TEST_CASE("bytes that only look like the load of a number are refused") {
  CHECK(number_in(code({0x41, 0xb8, 0x07, 0, 0, 0})) == -1);        // mov $7,%r8d
  CHECK(number_in(code({0x45, 0x31, 0xc0})) == -1);                 // xor %r8d,%r8d
  CHECK(number_in(code({0xc7, 0x45, 0xb8, 0x07, 0, 0, 0})) == -1);  // movl $7,-0x48(%rbp)
  CHECK(number_in(code({0xc7, 0x44, 0x24, 0xb8, 0x07, 0, 0, 0})) == -1);
  CHECK(number_in(code({0xb8, 0x07, 0, 0x10, 0})) == -1);
  CHECK(number_in(code({0x89, 0xf8})) == -1);                 // mov %edi,%eax
  CHECK(number_in(code({0x48, 0x89, 0xf8})) == -1);           // mov %rdi,%rax
  CHECK(number_in(code({0x8b, 0x44, 0x24, 0x08})) == -1);     // mov 0x8(%rsp),%eax
  CHECK(number_in({0xb8, 0x07, 0, 0, 0, 0xcd, 0x80}) == -1);  // int $0x80
  CHECK(number_in({0x0f, 0x05}) == -1);
  CHECK(number_in({}) == -1);
}

TEST_CASE("a call is begun again only if it returned EINTR this very moment") {
  const std::vector<unsigned char> poll = code({0xb8, 0x07, 0, 0, 0});
  CHECK(call_cut_short(cut_short_at_end(poll), range_of(poll)) == SYS_poll);

  CallRegisters registers = cut_short_at_end(poll);
  registers.ax = -EAGAIN;
  CHECK(call_cut_short(registers, range_of(poll)) == -1);
  registers = cut_short_at_end(poll);
  registers.cx = 0;
  CHECK(call_cut_short(registers, range_of(poll)) == -1);
}

TEST_CASE("a call is begun again only inside libc") {
  const std::vector<unsigned char> poll = code({0xb8, 0x07, 0, 0, 0});
  CHECK(call_cut_short(cut_short_at_end(poll), {}) == -1);
  CHECK(call_cut_short(cut_short_at_end(poll), {range_of(poll).start, range_of(poll).end - 2}) == -1);
}

TEST_CASE("a call that has done something before it returned EINTR is left alone") {
  const std::vector<unsigned char> close = code({0xb8, SYS_close, 0, 0, 0});
  CHECK(number_in(close) == SYS_close);
  CHECK(call_cut_short(cut_short_at_end(close), range_of(close)) == -1);
}

TEST_CASE("every way in which the running libc makes a call that may be cut short can be read") {
  const MemoryRange libc = mapped_around(reinterpret_cast<uintptr_t>(&gnu_get_libc_version), MappedAs::code);
  REQUIRE(libc.end > libc.start);
  const auto* bytes = reinterpret_cast<const unsigned char*>(libc.start);
  std::map<long, int> found;
  for (size_t end = 32; end <= libc.end - libc.start; ++end) {
    const long number = system_call_before(bytes + end - 32, 32);
    if (number >= 0) ++found[number];
  }
  // Since glibc 2.41 most numbers are in no code: all cancellation points make their calls in one place.
  const bool is_one_place = can_distinguish_calls(libc);
  for (const long number :
       {SYS_poll,       SYS_ppoll,         SYS_pselect6,        SYS_epoll_wait, SYS_epoll_pwait, SYS_clock_nanosleep,
        SYS_pause,      SYS_rt_sigsuspend, SYS_rt_sigtimedwait, SYS_accept,     SYS_accept4,     SYS_connect,
        SYS_recvfrom,   SYS_recvmsg,       SYS_sendto,          SYS_sendmsg,    SYS_read,        SYS_write,
        SYS_semtimedop, SYS_msgrcv,        SYS_msgsnd}) {
    INFO("system call " << number);
    CHECK((found[number] > 0 || is_one_place));
  }
  CHECK(found[SYS_futex] > 0);  // mutexes are no cancellation points
  // No number that the kernel does not have: a sign of bytes misread.
  CHECK(found.rbegin()->first < 512);
}
