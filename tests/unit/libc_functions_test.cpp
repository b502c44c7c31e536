#include "shim/base/libc_functions.h"

#include <string>

#include "shim/base/clock.h"
#include "shim/common/elf/file_symbol.h"
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

TEST_CASE("the clock is libc's own") {
  CHECK(reinterpret_cast<void*>(libc().clock_gettime) == dlsym(RTLD_DEFAULT, "clock_gettime"));
  const uint64_t before_ns = monotonic_ns();
  CHECK(monotonic_ns() >= before_ns);
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  CHECK(monotonic_ns() / kNanosecondsPerSecond - static_cast<uint64_t>(now.tv_sec) <= 1);
}

namespace {

struct Marked {
  char bytes[57];
};
[[gnu::used]] Marked g_marked_for_file_symbol_test;

}  // namespace

TEST_CASE("a data object that a file names but does not export is found by its name and size") {
  const link_map& program = own_module();
  constexpr const char* kName = "_ZN12_GLOBAL__N_129g_marked_for_file_symbol_testE";
  CHECK(find_file_symbol(program, kName, sizeof(Marked)) == nullptr);  // l_name of the program itself is empty
  link_map named = program;
  char path[] = "/proc/self/exe";
  named.l_name = path;
  CHECK(find_file_symbol(named, kName, sizeof(Marked)) == &g_marked_for_file_symbol_test);
  CHECK(find_file_symbol(named, kName, sizeof(Marked) - 1) == nullptr);
  CHECK(find_file_symbol(named, "g_marked", sizeof(Marked)) == nullptr);
}

TEST_CASE("without dlsym a function is looked for in what was loaded after us") {
  CHECK(find_after_us("pthread_rwlock_tryrdlock") == dlsym(RTLD_NEXT, "pthread_rwlock_tryrdlock"));
  CHECK(find_after_us("no_such_function") == nullptr);
}

TEST_CASE("a function of any module is found, and looked for again only when modules have come") {
  unsigned long long known = 0;
  CHECK(find_anywhere("pthread_rwlock_tryrdlock", &known) != nullptr);
  CHECK(known > 0);
  CHECK(find_anywhere("pthread_rwlock_tryrdlock", &known) == nullptr);
}

TEST_CASE("this glibc can be watched") {
  std::string_view why = "?";
  CHECK(libc_can_be_watched(&why));
  CHECK(why.empty());
}
