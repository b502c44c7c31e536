// See real_functions.h.
#include "shim/interpose/real_functions.h"

#include <dlfcn.h>
#include <sys/syscall.h>

#include <atomic>
#include <cerrno>

#include "shim/base/libc_functions.h"
#include "shim/base/system_call.h"
#include "shim/base/thread_mode.h"

namespace holdwatch {
namespace {

std::atomic<bool> g_is_resolved{false};
HOLDWATCH_TLS bool t_is_resolving = false;

// What a pointer holds before the look-up. Libraries whose constructors run before ours, and the allocator, may lock
// something as early as that. The process has one thread then as a rule, since making one is a hook too; glibc makes some by
// itself (timers). Should two threads look the functions up, neither waits for the other: they find the same.
template <auto Member, typename Signature>
struct Early;
// What a call does that comes from the look-up itself: dlsym allocates when it fails and an allocator may lock. With one thread,
// not locking is as good; a system call is made without libc's function.
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
    if (t_is_resolving) return Meanwhile<Member, Result, Arguments...>::call(arguments...);
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

// Hooks read the pointers meanwhile, each in one load: what they held before leads to the same functions.
void resolve_real_functions(void* scope) {
  if (g_is_resolved.load(std::memory_order_acquire) || t_is_resolving) return;
  t_is_resolving = true;
  const Inside inside;
  libc();
#define HOLDWATCH_FUNCTION(name, version, ...)                                                          \
  void* const found_##name = look_up(scope, #name, version);                                            \
  std::atomic_ref(g_real.name)                                                                          \
      .store(found_##name == nullptr ? &Missing<__VA_ARGS__>::call                                      \
                                     : reinterpret_cast<std::add_pointer_t<__VA_ARGS__>>(found_##name), \
             std::memory_order_relaxed);
#include "shim/interpose/functions.def"
#undef HOLDWATCH_FUNCTION
  g_is_resolved.store(true, std::memory_order_release);
  t_is_resolving = false;
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
