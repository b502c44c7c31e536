// A preloaded library of with_other_preloads.cpp that hooks the functions that we hook, as such libraries do: the next
// definition by dlsym, at the first call.
#include <dlfcn.h>
#include <pthread.h>

#include <atomic>

namespace {

std::atomic<unsigned long> calls{0};

}  // namespace

#define HOOK(name, Type)                                                      \
  extern "C" [[gnu::visibility("default")]] int name(Type* object) noexcept { \
    static std::atomic<int (*)(Type*)> known{nullptr};                        \
    int (*function)(Type*) = known.load(std::memory_order_relaxed);           \
    if (function == nullptr) {                                                \
      function = reinterpret_cast<int (*)(Type*)>(dlsym(RTLD_NEXT, #name));   \
      known.store(function, std::memory_order_relaxed);                       \
    }                                                                         \
    calls.fetch_add(1, std::memory_order_relaxed);                            \
    return function(object);                                                  \
  }

HOOK(pthread_mutex_lock, pthread_mutex_t)
HOOK(pthread_mutex_trylock, pthread_mutex_t)
HOOK(pthread_mutex_unlock, pthread_mutex_t)
HOOK(pthread_rwlock_rdlock, pthread_rwlock_t)
HOOK(pthread_rwlock_wrlock, pthread_rwlock_t)
HOOK(pthread_rwlock_unlock, pthread_rwlock_t)
