// See real_functions.h.
#include "shim/interpose/real_functions.h"

#include <dlfcn.h>
#include <sys/syscall.h>

#include <cerrno>

#include "shim/base/libc_functions.h"
#include "shim/base/system_call.h"
#include "shim/base/thread_mode.h"

namespace holdwatch {
namespace {

enum class Resolution : unsigned char { not_begun, under_way, done };
Resolution g_resolution = Resolution::not_begun;

// What a pointer holds before the look-up. Libraries whose constructors run before ours, and the allocator, may lock
// something as early as that; the process has one thread then.
template <auto Member, typename Signature>
struct Early;
// What a call does that comes while the functions are being looked up: dlsym allocates when it fails and an allocator may
// lock. With one thread, not locking is as good; a system call is made without libc's function.
template <auto Member, typename Result, typename... Arguments>
struct Meanwhile {
  static Result call(Arguments...) { return Result(); }
};

long call_kernel(long number, long a, long b, long c, long d, long e, long f) {
  const long result = system_call(number, a, b, c, d, e, f);
  if (!failed(result)) return result;
  errno = static_cast<int>(-result);
  return -1;
}

template <typename... Arguments>
struct Meanwhile<&RealFunctions::syscall, long, Arguments...> {
  static long call(Arguments... arguments) { return call_kernel(arguments...); }
};
template <typename... Arguments>
struct Meanwhile<&RealFunctions::prctl, int, Arguments...> {
  static int call(Arguments... arguments) {
    return static_cast<int>(call_kernel(SYS_prctl, static_cast<long>(arguments)..., 0));
  }
};

template <auto Member, typename Result, typename... Arguments>
struct Early<Member, Result(Arguments...)> {
  static Result call(Arguments... arguments) {
    if (g_resolution == Resolution::under_way) return Meanwhile<Member, Result, Arguments...>::call(arguments...);
    resolve_real_functions(RTLD_NEXT);
    return (g_real.*Member)(arguments...);
  }
};

// For a function that this glibc does not have; no program that was linked against it can call it.
template <typename Signature>
struct Missing;
template <typename Result, typename... Arguments>
struct Missing<Result(Arguments...)> {
  static Result call(Arguments...) {
    if constexpr (!std::is_void_v<Result>) return ENOSYS;
  }
};

void* look_up(void* scope, const char* name, const char* version) {
  void* found = version == nullptr ? nullptr : dlvsym(scope, name, version);
  return found == nullptr ? dlsym(scope, name) : found;
}

}  // namespace

constinit RealFunctions g_real = {
#define HOLDWATCH_FUNCTION(name, version, ...) &Early<&RealFunctions::name, __VA_ARGS__>::call,
#include "shim/interpose/functions.def"
#undef HOLDWATCH_FUNCTION
};

void resolve_real_functions(void* scope) {
  if (g_resolution != Resolution::not_begun) return;
  g_resolution = Resolution::under_way;
  const Inside inside;
  libc();
#define HOLDWATCH_FUNCTION(name, version, ...)                        \
  if (void* found = look_up(scope, #name, version); found != nullptr) \
    g_real.name = reinterpret_cast<decltype(g_real.name)>(found);     \
  else                                                                \
    g_real.name = &Missing<__VA_ARGS__>::call;
#include "shim/interpose/functions.def"
#undef HOLDWATCH_FUNCTION
  g_resolution = Resolution::done;
}

// Loaded late, the name alone would mean libc's function, which comes first in every look-up. A handle is the address of the
// library's link_map.
uintptr_t own_function(const char* name) {
  Dl_info info;
  void* own = nullptr;
  if (libc().dladdr1(reinterpret_cast<void*>(&own_function), &info, &own, RTLD_DL_LINKMAP) == 0) return 0;
  return reinterpret_cast<uintptr_t>(libc().dlsym(own, name));
}

}  // namespace holdwatch
