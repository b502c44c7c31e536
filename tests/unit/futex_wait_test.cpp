// The rules of shim/common/glibc/futex_wait.h.
#include "shim/common/glibc/futex_wait.h"

#include <linux/futex.h>
#include <pthread.h>
#include <sys/syscall.h>

#include <cstddef>

#include "tests/catch.h"

using namespace holdwatch;

namespace {

constexpr uintptr_t kLock = 0x1000;

SystemCall call(long number, int operation, uint64_t timeout = 0) {
  return {true, number, {kLock, static_cast<uint64_t>(operation), 2, timeout, 0, 0}};
}

uintptr_t lock_of(uintptr_t word, uint32_t value, LockKind kind, Access access) {
  return lock_waited_on({word, value, false, false, false}, kind, access).address;
}

}  // namespace

TEST_CASE("a futex call is a wait by the kernel's protocol or by its value, or not a wait") {
  REQUIRE(futex_wait(call(SYS_futex, FUTEX_WAIT_PRIVATE)));
  CHECK(futex_wait(call(SYS_futex, FUTEX_WAIT_PRIVATE))->word == kLock);
  CHECK(futex_wait(call(SYS_futex, FUTEX_WAIT_PRIVATE))->value == 2);
  CHECK_FALSE(futex_wait(call(SYS_futex, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME))->inherits);
  CHECK(futex_wait(call(SYS_futex, FUTEX_LOCK_PI_PRIVATE))->inherits);
  CHECK_FALSE(futex_wait(call(SYS_futex, FUTEX_WAKE_PRIVATE)));
  CHECK_FALSE(futex_wait(call(SYS_read, FUTEX_WAIT)));
  CHECK_FALSE(futex_wait({}));
}

TEST_CASE("a wait has a timeout by its fourth argument, and always once it was continued") {
  CHECK_FALSE(futex_wait(call(SYS_futex, FUTEX_WAIT))->has_timeout);
  CHECK(futex_wait(call(SYS_futex, FUTEX_WAIT, 0x7ffd0000))->has_timeout);
  CHECK(futex_wait(call(SYS_restart_syscall, FUTEX_WAIT))->has_timeout);
}

TEST_CASE("a futex of a mutex is its first word") {
  CHECK(lock_of(kLock, 2, LockKind::mutex, Access::exclusive) == kLock);
}

TEST_CASE("a rwlock's three futexes lead to the same lock") {
  constexpr uintptr_t kPhase = kLock + offsetof(pthread_rwlock_t, __data.__wrphase_futex);
  constexpr uintptr_t kWriters = kLock + offsetof(pthread_rwlock_t, __data.__writers_futex);
  CHECK(lock_of(kPhase, 3, LockKind::rwlock, Access::shared) == kLock);
  CHECK(lock_of(kPhase, 2, LockKind::rwlock, Access::exclusive) == kLock);
  CHECK(lock_of(kWriters, 1, LockKind::rwlock, Access::exclusive) == kLock);
  // A reader that waits behind a writer: one reader has the lock, and somebody waits (PTHREAD_RWLOCK_RWAITING).
  CHECK(lock_of(kLock, 8 + 4, LockKind::rwlock, Access::shared) == kLock);
}
