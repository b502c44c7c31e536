// The pieces of libc's code by which a borrowed thread gets back: in this very process, where the kernel says the same.
#include "symbolizer/tools/attach/libc_code.h"

#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "tests/catch.h"

using namespace holdwatch::attach;

namespace {

// What libc gives the kernel along with each handler.
uintptr_t restorer_of_a_handler() {
  struct {
    uintptr_t handler;
    uint64_t flags;
    uintptr_t restorer;
    uint64_t mask;
  } action{};
  struct sigaction old {
  }, ours{};
  ours.sa_handler = [](int) {};
  sigaction(SIGUSR1, &ours, &old);
  syscall(SYS_rt_sigaction, SIGUSR1, nullptr, &action, sizeof action.mask);
  sigaction(SIGUSR1, &old, nullptr);
  return action.restorer;
}

}  // namespace

TEST_CASE("the code that signal handlers return to is found") {
  AttachTarget target(getpid());
  target.refresh();
  CHECK(find_libc_code(target).restorer == restorer_of_a_handler());
}

TEST_CASE("errno is where the thread's own errno is") {
  AttachTarget target(getpid());
  target.refresh();
  const auto thread = static_cast<uintptr_t>(pthread_self());
  CHECK(thread + static_cast<uintptr_t>(find_libc_code(target).errno_from_thread) ==
        reinterpret_cast<uintptr_t>(&errno));
}

TEST_CASE("the code that loads an argument moves the next word of the stack") {
  AttachTarget target(getpid());
  target.refresh();
  const LibcCode code = find_libc_code(target);
  uint64_t loaded = 0;
  asm volatile(
      "lea -128(%%rsp), %%rsp\n lea 1f(%%rip), %%rcx\n push %%rcx\n push $0x1234567\n push %[function]\n ret\n"
      "1: lea 128(%%rsp), %%rsp\n"
      : "=D"(loaded)
      : [function] "r"(code.load_argument)
      : "rcx", "cc", "memory");
  CHECK(loaded == 0x1234567);
  CHECK(code.raise != 0);
}

TEST_CASE("the code that keeps a result says how far below the stack pointer") {
  AttachTarget target(getpid());
  target.refresh();
  const LibcCode code = find_libc_code(target);
  uint64_t kept = 0;
  // As a function's return would: with a result in rax, onto a stack that has the way on.
  asm volatile(
      "lea -128(%%rsp), %%rsp\n lea 1f(%%rip), %%rcx\n push %%rcx\n push %[function]\n mov $0x1234567, %%eax\n ret\n"
      "1: mov %%rsp, %%rcx\n sub $8, %%rcx\n sub %[below], %%rcx\n mov (%%rcx), %[kept]\n lea 128(%%rsp), %%rsp\n"
      : [kept] "=&r"(kept)
      : [function] "r"(code.keep_result), [below] "r"(code.result_below)
      : "rax", "rcx", "r10", "r11", "cc", "memory");
  CHECK(kept == 0x1234567);
}
