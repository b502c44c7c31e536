#include "shim/base/libc_functions.h"

#include <string>

#include "shim/base/clock.h"
#include "tests/catch.h"

using namespace holdwatch;

namespace {

template <typename Function>
std::string module_of(Function* function) {
  Dl_info info{};
  return dladdr(reinterpret_cast<void*>(function), &info) == 0 ? "" : info.dli_fname;
}

}  // namespace

TEST_CASE("each function is found, and in libc") {
#define HOLDWATCH_LIBC_FUNCTION(name) \
  INFO(#name);                        \
  CHECK(module_of(libc().name).ends_with("libc.so.6"));
#include "shim/base/libc_functions.def"
#undef HOLDWATCH_LIBC_FUNCTION
}

TEST_CASE("a function of several versions is the newest") {
  CHECK(reinterpret_cast<void*>(libc().pthread_create) == dlvsym(RTLD_DEFAULT, "pthread_create", "GLIBC_2.34"));
}

TEST_CASE("what some module exports is known, and what none does") {
  CHECK(some_module_exports("strlen"));
  CHECK(some_module_exports("__cxa_throw"));
  CHECK_FALSE(some_module_exports("__tsan_init"));
}

TEST_CASE("the clock is no system call any more once libc's was found") {
  libc();
  CHECK(g_clock.load() != clock_by_system_call);
  const uint64_t before_ns = monotonic_ns();
  CHECK(monotonic_ns() >= before_ns);
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  CHECK(monotonic_ns() / kNanosecondsPerSecond - static_cast<uint64_t>(now.tv_sec) <= 1);
}
