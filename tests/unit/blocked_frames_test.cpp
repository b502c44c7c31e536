#include "shim/inspection/blocked_frames.h"

#include <dlfcn.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "tests/catch.h"

// Functions with and without frame pointers, as libc may be built. The innermost ones make the system call, with other words in
// their frames: one that would do for a saved rbp, and the return address.
asm(R"(
  .text
  .type frames_sleep_by_bp, @function
frames_sleep_by_bp:
  .cfi_startproc
  push %rbp
  .cfi_def_cfa_offset 16
  .cfi_offset 6, -16
  mov %rsp, %rbp
  .cfi_def_cfa_register 6
  sub $64, %rsp
  mov %rbp, 16(%rsp)
  mov 8(%rbp), %rax
  mov %rax, 8(%rsp)
  mov $202, %eax
  xor %r10d, %r10d
  syscall
  leave
  .cfi_def_cfa 7, 8
  ret
  .cfi_endproc
  .size frames_sleep_by_bp, .-frames_sleep_by_bp

  .type frames_sleep_by_sp, @function
frames_sleep_by_sp:
  .cfi_startproc
  sub $136, %rsp
  .cfi_adjust_cfa_offset 136
  mov 136(%rsp), %rax
  mov %rax, 64(%rsp)
  mov $202, %eax
  xor %r10d, %r10d
  syscall
  add $136, %rsp
  .cfi_adjust_cfa_offset -136
  ret
  .cfi_endproc
  .size frames_sleep_by_sp, .-frames_sleep_by_sp

  .type frames_middle, @function
frames_middle:
  .cfi_startproc
  push %rbp
  .cfi_def_cfa_offset 16
  .cfi_offset 6, -16
  mov %rsp, %rbp
  .cfi_def_cfa_register 6
  sub $32, %rsp
  test %rcx, %rcx
  jne 1f
  call frames_sleep_by_bp
  jmp 2f
1:
  call frames_sleep_by_sp
2:
  leave
  .cfi_def_cfa 7, 8
  ret
  .cfi_endproc
  .size frames_middle, .-frames_middle

  .global frames_outer, frames_middle_start, frames_outer_start, frames_end
  .type frames_outer, @function
frames_outer:
  .cfi_startproc
  push %rbp
  .cfi_def_cfa_offset 16
  .cfi_offset 6, -16
  mov %rsp, %rbp
  .cfi_def_cfa_register 6
  call frames_middle
  leave
  .cfi_def_cfa 7, 8
  ret
  .cfi_endproc
  .size frames_outer, .-frames_outer
  .set frames_middle_start, frames_middle
  .set frames_outer_start, frames_outer
frames_end:
)");

extern "C" long frames_outer(uint32_t* word, long operation, long value, long by_sp);
extern "C" const char frames_middle_start[], frames_outer_start[], frames_end[];

namespace holdwatch {
namespace {

SyscallFile place_of_sleeper(int tid) {
  SyscallFile place;
  do {
    usleep(1000);
    place = {};
    if (tid != 0) read_syscall_file(tid, &place);
  } while (place.kind != SyscallFile::Kind::in_call || place.call.number != SYS_futex);
  return place;
}

bool is_between(uintptr_t pc, const char* start, const char* end) {
  return pc >= reinterpret_cast<uintptr_t>(start) && pc < reinterpret_cast<uintptr_t>(end);
}

void check_frames(bool by_sp) {
  static uint32_t word;
  word = 1;
  std::atomic<int> tid{0};
  std::thread sleeper([&] {
    tid = static_cast<int>(syscall(SYS_gettid));
    while (*static_cast<volatile uint32_t*>(&word) == 1) frames_outer(&word, FUTEX_WAIT_PRIVATE, 1, by_sp ? 1 : 0);
  });
  while (tid == 0) usleep(100);
  const SyscallFile place = place_of_sleeper(tid);
  Dl_info info;
  REQUIRE(dladdr(reinterpret_cast<void*>(frames_outer), &info) != 0);
  const UnwoundModule module = unwound_module_at(reinterpret_cast<uintptr_t>(info.dli_fbase));
  BlockedFrames frames(place, &module, 1);
  CHECK_FALSE(is_between(frames.pc(), frames_middle_start, frames_end));
  CHECK(frames.step());
  CHECK(is_between(frames.pc(), frames_middle_start, frames_outer_start));
  CHECK(frames.step());
  CHECK(is_between(frames.pc(), frames_outer_start, frames_end));
  word = 0;
  syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
  sleeper.join();
}

TEST_CASE("a frame that is counted from rbp is found by the call that made it") {
  check_frames(false);
}

TEST_CASE("a frame that is counted from the stack pointer ends where the tables say") {
  check_frames(true);
}

TEST_CASE("what is in no known module is not unwound") {
  SyscallFile place;
  place.kind = SyscallFile::Kind::in_call;
  place.pc = 4096;
  place.sp = reinterpret_cast<uintptr_t>(&place);
  BlockedFrames frames(place, nullptr, 0);
  CHECK_FALSE(frames.step());
}

}  // namespace
}  // namespace holdwatch
