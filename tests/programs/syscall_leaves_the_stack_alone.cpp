// syscall(2) goes on with all six arguments of a call, and without touching its caller's variables: where a call has fewer, the
// sixth's place on the stack is a variable of the caller's, here one that may not be written to.
// RUN-ENV: HOLDWATCH_LIMIT=1s
// EXPECT-JSON: e == []
#include <sys/mman.h>
#include <sys/syscall.h>

#include "tests/programs/harness.h"
using namespace harness;

constexpr size_t kPage = 4096;

// Calls it with this stack pointer: the return address goes below, the sixth argument would be above.
long call_on_stack(void* stack, long number) {
  long result = number;
  asm volatile(
      "mov %%rsp, %%rbx\n\t"
      "mov %[stack], %%rsp\n\t"
      "mov %[number], %%rdi\n\t"
      "call *%[function]\n\t"
      "mov %%rbx, %%rsp"
      : "=a"(result)
      : [stack] "r"(stack), [number] "r"(number), [function] "r"(&syscall)
      : "rbx", "rdi", "rsi", "rdx", "rcx", "r8", "r9", "r10", "r11", "cc", "memory", "xmm12", "xmm13", "xmm14",
        "xmm15");
  return result;
}

int main() {
  char name[] = "/tmp/holdwatch-test-XXXXXX";
  const int file = mkstemp(name);
  CHECK(file >= 0 && unlink(name) == 0 && ftruncate(file, 2 * kPage) == 0);
  CHECK(pwrite(file, "second page", 12, kPage) == 12);
  const long mapped = syscall(SYS_mmap, nullptr, kPage, PROT_READ, MAP_PRIVATE, file, kPage);
  std::puts(reinterpret_cast<const char*>(mapped));

  auto* stack =
      static_cast<char*>(mmap(nullptr, 4 * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  CHECK(stack != MAP_FAILED && mprotect(stack + 2 * kPage, 2 * kPage, PROT_READ) == 0);
  std::puts(call_on_stack(stack + 2 * kPage, SYS_getpid) == getpid() ? "called" : "not called");
}
