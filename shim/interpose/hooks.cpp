// The functions that replace glibc's: one line each, from arguments to behaviour.
// Hot context. Nothing is decided here: what surrounds each real call is in acquire.h, release.h, condition_wait.h,
// end_wait.h and join.h.
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <cerrno>

#include "shim/base/unloads.h"
#include "shim/common/glibc/noted_call.h"
#include "shim/common/glibc/stream_layout.h"
#include "shim/interpose/acquire.h"
#include "shim/interpose/condition_wait.h"
#include "shim/interpose/end_wait.h"
#include "shim/interpose/filter_hooks.h"
#include "shim/interpose/join.h"
#include "shim/interpose/real_functions.h"
#include "shim/interpose/release.h"

// Each hook is defined under a name of its own and exported under glibc's: a definition of the name itself would have to
// repeat glibc's noexcept, and a cancelled thread that unwinds through a noexcept function ends the program.
#define HOOK(result, name, parameters)                                                    \
  extern "C" [[gnu::visibility("default")]] result hook_##name parameters __asm__(#name); \
  result hook_##name parameters

namespace holdwatch {
namespace {

auto a_mutex(const void* mutex) {
  return Lock<LockKind::mutex, Access::exclusive>{mutex};
}
auto to_write(const void* rwlock) {
  return Lock<LockKind::rwlock, Access::exclusive>{rwlock};
}
auto to_read(const void* rwlock) {
  return Lock<LockKind::rwlock, Access::shared>{rwlock};
}
auto a_stream(const FILE* stream) {
  return Lock<LockKind::stream, Access::exclusive>{lock_of(stream)};
}

// The address by which a record knows the lock that a function's argument stands for.
template <typename Type>
const void* recorded_address(const Type* lock) {
  return lock;
}
const void* recorded_address(const FILE* stream) {
  return lock_of(stream);
}

// The fast path of an unlock needs no frame, and ends in a jump to the real function. So the slow path begins with a jump too,
// with registers and stack as the program's call left them: HOLDWATCH_CALLER finds the program here.
template <auto Function, LockKind Kind, typename Type>
[[gnu::noinline, gnu::cold]] auto release_slow_by(Type* lock) {
  return release_slow<Kind>(recorded_address(lock), HOLDWATCH_CALLER, [=] { return (g_real.*Function)(lock); });
}
template <auto Function, LockKind Kind, Access How, typename Type>
[[gnu::always_inline]] inline auto release_by(Lock<Kind, How> word, Type* lock) {
  return release(
      word, [=] { return (g_real.*Function)(lock); }, [=] { return release_slow_by<Function, Kind>(lock); });
}

// Addresses in code that is unloaded now must not be named after what is loaded in its place.
[[gnu::noinline, gnu::cold]] int dlclose_slow(void* handle) {
  const Unload noted;
  return g_real.dlclose(handle);
}

}  // namespace

HOOK(int, pthread_mutex_lock, (pthread_mutex_t * mutex)) {
  return acquire(a_mutex(mutex), HOLDWATCH_CALLER, [=] { return g_real.pthread_mutex_lock(mutex); });
}
HOOK(int, __pthread_mutex_lock, (pthread_mutex_t * mutex)) {
  return acquire(a_mutex(mutex), HOLDWATCH_CALLER, [=] { return g_real.__pthread_mutex_lock(mutex); });
}
HOOK(int, pthread_mutex_timedlock, (pthread_mutex_t * mutex, const timespec* until)) {
  return acquire_timed(a_mutex(mutex), HOLDWATCH_CALLER, [=] { return g_real.pthread_mutex_timedlock(mutex, until); });
}
HOOK(int, pthread_mutex_clocklock, (pthread_mutex_t * mutex, clockid_t clock, const timespec* until)) {
  return acquire_timed(a_mutex(mutex), HOLDWATCH_CALLER,
                       [=] { return g_real.pthread_mutex_clocklock(mutex, clock, until); });
}
HOOK(int, pthread_mutex_trylock, (pthread_mutex_t * mutex)) {
  return try_acquire(a_mutex(mutex), HOLDWATCH_FRAME, [=] { return g_real.pthread_mutex_trylock(mutex); });
}
HOOK(int, __pthread_mutex_trylock, (pthread_mutex_t * mutex)) {
  return try_acquire(a_mutex(mutex), HOLDWATCH_FRAME, [=] { return g_real.__pthread_mutex_trylock(mutex); });
}
HOOK(int, pthread_mutex_unlock, (pthread_mutex_t * mutex)) {
  return release_by<&RealFunctions::pthread_mutex_unlock>(a_mutex(mutex), mutex);
}
HOOK(int, __pthread_mutex_unlock, (pthread_mutex_t * mutex)) {
  return release_by<&RealFunctions::__pthread_mutex_unlock>(a_mutex(mutex), mutex);
}
HOOK(int, pthread_mutex_init, (pthread_mutex_t * mutex, const pthread_mutexattr_t* attributes)) {
  return forget(mutex, [=] { return g_real.pthread_mutex_init(mutex, attributes); });
}
HOOK(int, pthread_mutex_destroy, (pthread_mutex_t * mutex)) {
  return forget_unless_refused(mutex, [=] { return g_real.pthread_mutex_destroy(mutex); });
}
HOOK(int, __pthread_mutex_init, (pthread_mutex_t * mutex, const pthread_mutexattr_t* attributes)) {
  return forget(mutex, [=] { return g_real.__pthread_mutex_init(mutex, attributes); });
}
HOOK(int, __pthread_mutex_destroy, (pthread_mutex_t * mutex)) {
  return forget_unless_refused(mutex, [=] { return g_real.__pthread_mutex_destroy(mutex); });
}

HOOK(int, pthread_rwlock_rdlock, (pthread_rwlock_t * rwlock)) {
  return acquire(to_read(rwlock), HOLDWATCH_CALLER, [=] { return g_real.pthread_rwlock_rdlock(rwlock); });
}
HOOK(int, __pthread_rwlock_rdlock, (pthread_rwlock_t * rwlock)) {
  return acquire(to_read(rwlock), HOLDWATCH_CALLER, [=] { return g_real.__pthread_rwlock_rdlock(rwlock); });
}
HOOK(int, pthread_rwlock_timedrdlock, (pthread_rwlock_t * rwlock, const timespec* until)) {
  return acquire_timed(to_read(rwlock), HOLDWATCH_CALLER,
                       [=] { return g_real.pthread_rwlock_timedrdlock(rwlock, until); });
}
HOOK(int, pthread_rwlock_clockrdlock, (pthread_rwlock_t * rwlock, clockid_t clock, const timespec* until)) {
  return acquire_timed(to_read(rwlock), HOLDWATCH_CALLER,
                       [=] { return g_real.pthread_rwlock_clockrdlock(rwlock, clock, until); });
}
HOOK(int, pthread_rwlock_tryrdlock, (pthread_rwlock_t * rwlock)) {
  return try_acquire(to_read(rwlock), HOLDWATCH_FRAME, [=] { return g_real.pthread_rwlock_tryrdlock(rwlock); });
}
HOOK(int, __pthread_rwlock_tryrdlock, (pthread_rwlock_t * rwlock)) {
  return try_acquire(to_read(rwlock), HOLDWATCH_FRAME, [=] { return g_real.__pthread_rwlock_tryrdlock(rwlock); });
}
HOOK(int, pthread_rwlock_wrlock, (pthread_rwlock_t * rwlock)) {
  return acquire(to_write(rwlock), HOLDWATCH_CALLER, [=] { return g_real.pthread_rwlock_wrlock(rwlock); });
}
HOOK(int, __pthread_rwlock_wrlock, (pthread_rwlock_t * rwlock)) {
  return acquire(to_write(rwlock), HOLDWATCH_CALLER, [=] { return g_real.__pthread_rwlock_wrlock(rwlock); });
}
HOOK(int, pthread_rwlock_timedwrlock, (pthread_rwlock_t * rwlock, const timespec* until)) {
  return acquire_timed(to_write(rwlock), HOLDWATCH_CALLER,
                       [=] { return g_real.pthread_rwlock_timedwrlock(rwlock, until); });
}
HOOK(int, pthread_rwlock_clockwrlock, (pthread_rwlock_t * rwlock, clockid_t clock, const timespec* until)) {
  return acquire_timed(to_write(rwlock), HOLDWATCH_CALLER,
                       [=] { return g_real.pthread_rwlock_clockwrlock(rwlock, clock, until); });
}
HOOK(int, pthread_rwlock_trywrlock, (pthread_rwlock_t * rwlock)) {
  return try_acquire(to_write(rwlock), HOLDWATCH_FRAME, [=] { return g_real.pthread_rwlock_trywrlock(rwlock); });
}
HOOK(int, __pthread_rwlock_trywrlock, (pthread_rwlock_t * rwlock)) {
  return try_acquire(to_write(rwlock), HOLDWATCH_FRAME, [=] { return g_real.__pthread_rwlock_trywrlock(rwlock); });
}
HOOK(int, pthread_rwlock_unlock, (pthread_rwlock_t * rwlock)) {
  return release_by<&RealFunctions::pthread_rwlock_unlock>(to_write(rwlock), rwlock);
}
HOOK(int, __pthread_rwlock_unlock, (pthread_rwlock_t * rwlock)) {
  return release_by<&RealFunctions::__pthread_rwlock_unlock>(to_write(rwlock), rwlock);
}
HOOK(int, pthread_rwlock_init, (pthread_rwlock_t * rwlock, const pthread_rwlockattr_t* attributes)) {
  return forget(rwlock, [=] { return g_real.pthread_rwlock_init(rwlock, attributes); });
}
HOOK(int, pthread_rwlock_destroy, (pthread_rwlock_t * rwlock)) {
  return forget_unless_refused(rwlock, [=] { return g_real.pthread_rwlock_destroy(rwlock); });
}
HOOK(int, __pthread_rwlock_init, (pthread_rwlock_t * rwlock, const pthread_rwlockattr_t* attributes)) {
  return forget(rwlock, [=] { return g_real.__pthread_rwlock_init(rwlock, attributes); });
}
HOOK(int, __pthread_rwlock_destroy, (pthread_rwlock_t * rwlock)) {
  return forget_unless_refused(rwlock, [=] { return g_real.__pthread_rwlock_destroy(rwlock); });
}

HOOK(int, pthread_cond_wait, (pthread_cond_t * condition, pthread_mutex_t* mutex)) {
  return condition_wait(
      condition, mutex, HOLDWATCH_CALLER, [=] { return g_real.pthread_cond_wait(condition, mutex); }, ETIMEDOUT);
}
HOOK(int, pthread_cond_timedwait, (pthread_cond_t * condition, pthread_mutex_t* mutex, const timespec* until)) {
  if (is_refused(until)) return g_real.pthread_cond_timedwait(condition, mutex, until);
  return condition_wait(
      condition, mutex, HOLDWATCH_CALLER, [=] { return g_real.pthread_cond_timedwait(condition, mutex, until); },
      ETIMEDOUT);
}
HOOK(int, pthread_cond_clockwait,
     (pthread_cond_t * condition, pthread_mutex_t* mutex, clockid_t clock, const timespec* until)) {
  if (is_refused(until, clock)) return g_real.pthread_cond_clockwait(condition, mutex, clock, until);
  return condition_wait(
      condition, mutex, HOLDWATCH_CALLER, [=] { return g_real.pthread_cond_clockwait(condition, mutex, clock, until); },
      ETIMEDOUT);
}

HOOK(int, pthread_cond_signal, (pthread_cond_t * condition)) {
  return end_wait_by<&RealFunctions::pthread_cond_signal>(condition);
}
HOOK(int, pthread_cond_broadcast, (pthread_cond_t * condition)) {
  return end_wait_by<&RealFunctions::pthread_cond_broadcast>(condition);
}
HOOK(int, pthread_cond_init, (pthread_cond_t * condition, const pthread_condattr_t* attributes)) {
  return renew_by<&RealFunctions::pthread_cond_init>(condition, attributes);
}
HOOK(int, pthread_cond_destroy, (pthread_cond_t * condition)) {
  return renew_by<&RealFunctions::pthread_cond_destroy>(condition);
}

HOOK(int, sem_post, (sem_t * semaphore)) {
  return end_wait_by<&RealFunctions::sem_post>(semaphore);
}
HOOK(int, sem_init, (sem_t * semaphore, int is_shared, unsigned value)) {
  return renew_by<&RealFunctions::sem_init>(semaphore, is_shared, value);
}
HOOK(int, sem_destroy, (sem_t * semaphore)) {
  return renew_by<&RealFunctions::sem_destroy>(semaphore);
}

// Whoever comes to a barrier helps to end the others' waits.
HOOK(int, pthread_barrier_wait, (pthread_barrier_t * barrier)) {
  return end_wait_by<&RealFunctions::pthread_barrier_wait>(barrier);
}
HOOK(int, pthread_barrier_init,
     (pthread_barrier_t * barrier, const pthread_barrierattr_t* attributes, unsigned count)) {
  return renew_by<&RealFunctions::pthread_barrier_init>(barrier, attributes, count);
}
HOOK(int, pthread_barrier_destroy, (pthread_barrier_t * barrier)) {
  return renew_by<&RealFunctions::pthread_barrier_destroy>(barrier);
}

// C11. glibc's own versions call its internal pthread functions, past any interposition, so each needs its hook. An mtx_t
// has the layout of a pthread_mutex_t (nptl/thrd_priv.h).
HOOK(int, mtx_lock, (mtx_t * mutex)) {
  return acquire(a_mutex(mutex), HOLDWATCH_CALLER, [=] { return g_real.mtx_lock(mutex); });
}
HOOK(int, mtx_trylock, (mtx_t * mutex)) {
  return try_acquire(a_mutex(mutex), HOLDWATCH_FRAME, [=] { return g_real.mtx_trylock(mutex); });
}
HOOK(int, mtx_timedlock, (mtx_t * mutex, const timespec* until)) {
  return acquire_timed(a_mutex(mutex), HOLDWATCH_CALLER, [=] { return g_real.mtx_timedlock(mutex, until); });
}
HOOK(int, mtx_unlock, (mtx_t * mutex)) {
  return release_by<&RealFunctions::mtx_unlock>(a_mutex(mutex), mutex);
}
HOOK(int, mtx_init, (mtx_t * mutex, int type)) {
  return forget(mutex, [=] { return g_real.mtx_init(mutex, type); });
}
HOOK(void, mtx_destroy, (mtx_t * mutex)) {
  forget(mutex, [=] { return g_real.mtx_destroy(mutex); });
}
HOOK(int, cnd_wait, (cnd_t * condition, mtx_t* mutex)) {
  return condition_wait(
      condition, mutex, HOLDWATCH_CALLER, [=] { return g_real.cnd_wait(condition, mutex); }, thrd_timedout);
}
HOOK(int, cnd_timedwait, (cnd_t * condition, mtx_t* mutex, const timespec* until)) {
  if (is_refused(until)) return g_real.cnd_timedwait(condition, mutex, until);
  return condition_wait(
      condition, mutex, HOLDWATCH_CALLER, [=] { return g_real.cnd_timedwait(condition, mutex, until); }, thrd_timedout);
}

HOOK(int, cnd_signal, (cnd_t * condition)) {
  return end_wait_by<&RealFunctions::cnd_signal>(condition);
}
HOOK(int, cnd_broadcast, (cnd_t * condition)) {
  return end_wait_by<&RealFunctions::cnd_broadcast>(condition);
}
HOOK(int, cnd_init, (cnd_t * condition)) {
  return renew_by<&RealFunctions::cnd_init>(condition);
}
HOOK(void, cnd_destroy, (cnd_t * condition)) {
  renew_by<&RealFunctions::cnd_destroy>(condition);
}

// A stream's lock is recursive. Its functions have a second name each; those of stdio take the lock without them.
HOOK(void, flockfile, (FILE * stream)) {
  acquire(a_stream(stream), HOLDWATCH_CALLER, [=] { return g_real.flockfile(stream), 0; });
}
HOOK(void, _IO_flockfile, (FILE * stream)) {
  acquire(a_stream(stream), HOLDWATCH_CALLER, [=] { return g_real._IO_flockfile(stream), 0; });
}
HOOK(int, ftrylockfile, (FILE * stream)) {
  return try_acquire(a_stream(stream), HOLDWATCH_FRAME, [=] { return g_real.ftrylockfile(stream); });
}
HOOK(int, _IO_ftrylockfile, (FILE * stream)) {
  return try_acquire(a_stream(stream), HOLDWATCH_FRAME, [=] { return g_real._IO_ftrylockfile(stream); });
}
HOOK(void, funlockfile, (FILE * stream)) {
  release_by<&RealFunctions::funlockfile>(a_stream(stream), stream);
}
HOOK(void, _IO_funlockfile, (FILE * stream)) {
  release_by<&RealFunctions::_IO_funlockfile>(a_stream(stream), stream);
}
HOOK(int, fclose, (FILE * stream)) {
  return forget(lock_of(stream), [=] { return g_real.fclose(stream); });
}
HOOK(int, pclose, (FILE * stream)) {
  return forget(lock_of(stream), [=] { return g_real.pclose(stream); });
}

HOOK(int, pthread_join, (pthread_t thread, void** result)) {
  return join_thread(thread, false, HOLDWATCH_CALLER, [=] { return g_real.pthread_join(thread, result); });
}
HOOK(int, pthread_timedjoin_np, (pthread_t thread, void** result, const timespec* until)) {
  return join_thread(thread, until != nullptr, HOLDWATCH_CALLER,
                     [=] { return g_real.pthread_timedjoin_np(thread, result, until); });
}
HOOK(int, pthread_clockjoin_np, (pthread_t thread, void** result, clockid_t clock, const timespec* until)) {
  return join_thread(thread, until != nullptr, HOLDWATCH_CALLER,
                     [=] { return g_real.pthread_clockjoin_np(thread, result, clock, until); });
}
HOOK(int, thrd_join, (thrd_t thread, int* result)) {
  return join_thread(thread, false, HOLDWATCH_CALLER, [=] { return g_real.thrd_join(thread, result); });
}

// Both may install a system call filter; all other calls are passed on by a jump.
HOOK(int, prctl, (int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d)) {
  if (option == PR_SET_SECCOMP) [[unlikely]]
    return prctl_slow(option, a, b, c, d);
  return g_real.prctl(option, a, b, c, d);
}
// A sixth argument is on the stack and stays there, because we end in a jump. In a call without one, that word is a variable
// of the caller, which another thread may be writing; passing it on would write back an old value.
using WithSixthInPlace = long (*)(long, long, long, long, long, long);

[[gnu::always_inline]] inline long pass_on(long number, long a, long b, long c, long d, long e) {
  note_call(number, a, b);
  const auto function = reinterpret_cast<void (*)()>(g_real.syscall);
  return reinterpret_cast<WithSixthInPlace>(function)(number, a, b, c, d, e);
}

// Locks of other libraries sleep and are woken by this call. `e`: the second word of some operations (futex(2)).
[[gnu::noinline, gnu::cold]] long futex_slow(long number, long a, long b, long c, long d, long e) {
  note_futex_slow(a, b, e, HOLDWATCH_CALLER.pc);
  return pass_on(number, a, b, c, d, e);
}

HOOK(long, syscall, (long number, long a, long b, long c, long d, long e)) {
  if (number == g_noted_ends.call.load(std::memory_order_relaxed)) [[unlikely]]
    return futex_slow(number, a, b, c, d, e);
  if (number == SYS_seccomp || number == SYS_prctl) [[unlikely]]
    return syscall_slow(number, a, b, c, d, e);
  return pass_on(number, a, b, c, d, e);
}

HOOK(int, dlclose, (void* handle)) {
  return dlclose_slow(handle);
}

// Watching begins before the thread does, so that its first hold is seen from the start.
HOOK(int, pthread_create,
     (pthread_t * thread, const pthread_attr_t* attributes, void* (*start)(void*), void* argument)) {
  if (t_mode != ThreadMode::internal) prepare_for_thread_slow(attributes);
  return g_real.pthread_create(thread, attributes, start, argument);
}
HOOK(int, thrd_create, (thrd_t * thread, int (*start)(void*), void* argument)) {
  if (t_mode != ThreadMode::internal) prepare_for_thread_slow(nullptr);
  return g_real.thrd_create(thread, start, argument);
}

}  // namespace holdwatch
