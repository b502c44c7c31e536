// See real_functions.h.
#include "shim/interpose/real_functions.h"

#include <dlfcn.h>
#include <sys/syscall.h>

#include <atomic>
#include <cerrno>

#include "shim/base/libc_functions.h"
#include "shim/base/thread_mode.h"
#include "shim/common/elf/exported_functions.h"
#include "shim/common/kernel/system_call.h"

namespace holdwatch {
namespace {

std::atomic<bool> g_is_resolved{false};
HOLDWATCH_TLS bool t_is_resolving = false;

// What a pointer holds before the look-up. Libraries whose constructors run before ours, and the allocator, may lock
// something that early. The process usually has one thread then, since creating one is a hook too; glibc creates some
// itself (timers). If two threads look the functions up, neither waits for the other: they find the same.
template <auto Member, typename Signature>
struct Early;
// What a call does that is made by the look-up itself: dlsym allocates when it fails, and an allocator may lock. With one
// thread no locking is needed; a system call is made without libc's function.
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

template <auto Member>
constexpr const char* kNameOf = nullptr;
// What a call returns if its function is missing: in this glibc, in which case no program linked against it can call it; or,
// before glibc 2.34, in this process, which has not loaded libpthread. A program may still call it, because we export every
// such function, and some test a weak symbol to learn whether there are threads.
template <auto Member>
constexpr int kMissingResult = ENOSYS;
#define HOLDWATCH_FUNCTION(name, version, missing_result, role, ...) \
  template <>                                                        \
  constexpr const char* kNameOf<&RealFunctions::name> = #name;       \
  template <>                                                        \
  constexpr int kMissingResult<&RealFunctions::name> = missing_result;
#include "shim/common/glibc/hooked_functions.def"
#undef HOLDWATCH_FUNCTION

// The library that has it may come later, with a plugin.
template <auto Member, typename Signature>
struct Missing;
template <auto Member, typename Result, typename... Arguments>
struct Missing<Member, Result(Arguments...)> {
  static Result call(Arguments... arguments) {
    static unsigned long long known_modules = 0;
    if (void* const found = find_anywhere(kNameOf<Member>, &known_modules); found != nullptr) {
      const auto function = reinterpret_cast<std::add_pointer_t<Result(Arguments...)>>(found);
      std::atomic_ref(g_real.*Member).store(function, std::memory_order_relaxed);
      return function(arguments...);
    }
    if constexpr (!std::is_void_v<Result>) return kMissingResult<Member>;
  }
};

// Without dlsym, before glibc 2.34, the libraries that come after us are asked in the order in which dlsym would.
void* look_up(void* scope, const char* name, const char* version) {
  if (libc().dlsym == nullptr) return find_after_us(name);
  void* found = version == nullptr ? nullptr : libc().dlvsym(scope, name, version);
  return found == nullptr ? libc().dlsym(scope, name) : found;
}

}  // namespace

constinit RealFunctions g_real = {
#define HOLDWATCH_FUNCTION(name, version, missing_result, role, ...) &Early<&RealFunctions::name, __VA_ARGS__>::call,
#include "shim/common/glibc/hooked_functions.def"
#undef HOLDWATCH_FUNCTION
};

// Hooks read the pointers meanwhile, each in one load: the previous values lead to the same functions.
void resolve_real_functions(void* scope) {
  if (g_is_resolved.load(std::memory_order_acquire) || t_is_resolving) return;
  t_is_resolving = true;
  const Inside inside;
#define HOLDWATCH_FUNCTION(name, version, missing_result, role, ...)                                    \
  void* const found_##name = look_up(scope, #name, version);                                            \
  std::atomic_ref(g_real.name)                                                                          \
      .store(found_##name == nullptr ? &Missing<&RealFunctions::name, __VA_ARGS__>::call                \
                                     : reinterpret_cast<std::add_pointer_t<__VA_ARGS__>>(found_##name), \
             std::memory_order_relaxed);
#include "shim/common/glibc/hooked_functions.def"
#undef HOLDWATCH_FUNCTION
  g_is_resolved.store(true, std::memory_order_release);
  t_is_resolving = false;
}

// If we were loaded late, a look-up by name would find libc's function, which comes first.
uintptr_t own_function(const char* name) {
  return reinterpret_cast<uintptr_t>(ExportedFunctions(own_module()).find(name));
}

}  // namespace holdwatch
