// The least that a preload can cost: a shared object that only forwards the calls for mutexes and rwlocks, and with
// BENCH_FLOOR_NOTES also notes lock, caller and stack pointer in two slots of the thread, as holdwatch must at least. With
// BENCH_FLOOR_TSC it also reads the processor's counter once, when the lock is had, as CLOCK=tsc must.
// No product, and no model for one: it knows neither nesting nor conditions, and finds the real functions without care.
#include <dlfcn.h>
#include <pthread.h>

#include <atomic>
#include <cstdint>

namespace {

struct Slot {
  std::atomic<const void*> lock{nullptr};
  std::atomic<uintptr_t> pc{0}, sp{0}, bp{0};
  std::atomic<uint64_t> tsc{0};
};
struct alignas(64) Slots {
  Slot waiting, held;
};
[[gnu::tls_model("initial-exec")]] constinit thread_local Slots t_slots;

template <typename Lock>
using Function = int (*)(Lock*);

Function<pthread_mutex_t> g_lock, g_unlock;
Function<pthread_rwlock_t> g_read, g_write, g_rwunlock;

[[gnu::constructor]] void resolve() {
  const auto find = [](auto& function, const char* name) {
    function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(dlsym(RTLD_NEXT, name));
  };
  find(g_lock, "pthread_mutex_lock");
  find(g_unlock, "pthread_mutex_unlock");
  find(g_read, "pthread_rwlock_rdlock");
  find(g_write, "pthread_rwlock_wrlock");
  find(g_rwunlock, "pthread_rwlock_unlock");
}

[[maybe_unused]] void note(Slot& slot, const void* lock, const uintptr_t* frame) {
  slot.pc.store(frame[1], std::memory_order_release);
  slot.sp.store(reinterpret_cast<uintptr_t>(frame + 2), std::memory_order_release);
  slot.bp.store(frame[0], std::memory_order_release);
  slot.lock.store(lock, std::memory_order_release);
}

template <typename Lock>
[[gnu::always_inline]] inline int acquire(Lock* lock, Function<Lock> real, const uintptr_t* frame) {
#ifdef BENCH_FLOOR_NOTES
  note(t_slots.waiting, lock, frame);
  const int result = real(lock);
  t_slots.waiting.lock.store(nullptr, std::memory_order_release);
  if (result == 0) {
#ifdef BENCH_FLOOR_TSC
    t_slots.held.tsc.store(__builtin_ia32_rdtsc(), std::memory_order_release);
#endif
    note(t_slots.held, lock, frame);
  }
  return result;
#else
  (void)frame;
  return real(lock);
#endif
}

template <typename Lock>
[[gnu::always_inline]] inline int release(Lock* lock, Function<Lock> real) {
#ifdef BENCH_FLOOR_NOTES
  t_slots.held.lock.store(nullptr, std::memory_order_release);
#endif
  return real(lock);
}

}  // namespace

#ifdef BENCH_FLOOR_NOTES
#define FRAME static_cast<const uintptr_t*>(__builtin_frame_address(0))
#else
#define FRAME nullptr
#endif

extern "C" {
int pthread_mutex_lock(pthread_mutex_t* mutex) noexcept {
  return acquire(mutex, g_lock, FRAME);
}
int pthread_mutex_unlock(pthread_mutex_t* mutex) noexcept {
  return release(mutex, g_unlock);
}
int pthread_rwlock_rdlock(pthread_rwlock_t* rwlock) noexcept {
  return acquire(rwlock, g_read, FRAME);
}
int pthread_rwlock_wrlock(pthread_rwlock_t* rwlock) noexcept {
  return acquire(rwlock, g_write, FRAME);
}
int pthread_rwlock_unlock(pthread_rwlock_t* rwlock) noexcept {
  return release(rwlock, g_rwunlock);
}
}
