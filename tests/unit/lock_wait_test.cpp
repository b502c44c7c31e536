// The rules of symbolizer/tools/inspect/lock_wait.h.
#include "symbolizer/tools/inspect/lock_wait.h"

#include <linux/futex.h>
#include <pthread.h>
#include <sys/syscall.h>

#include "tests/catch.h"
#include "tests/unit/fake_process.h"

using namespace holdwatch;

namespace {

constexpr uintptr_t kLock = 0x600000;
constexpr int kOwner = 4711;

Capture waits_on(uintptr_t futex, int operation, uint32_t value) {
  Capture capture;
  capture.snapshot.state = ThreadState::blocked;
  capture.snapshot.call = {true, SYS_futex, {futex, static_cast<uint64_t>(operation), value, 0, 0, 0}};
  capture.snapshot.registers.sp = 0x7ffd00001000;
  return capture;
}

Capture waits_on(uintptr_t futex, uint32_t value) {
  return waits_on(futex, FUTEX_WAIT_PRIVATE, value);
}

bool only_the_owner(int tid) {
  return tid == kOwner;
}

std::optional<LockWait> find(const Capture& capture, BlockingFunction function, test::FakeMemory memory = {}) {
  return find_lock_wait(capture, function, memory, only_the_owner);
}

template <typename Lock>
test::FakeMemory memory_with(const Lock& lock, uintptr_t at = kLock) {
  test::FakeMemory memory;
  test::ByteVector bytes;
  test::append_value(bytes, lock);
  memory.regions[at] = bytes;
  return memory;
}

pthread_mutex_t mutex_of(int owner, int kind = 0) {
  pthread_mutex_t mutex{};
  mutex.__data.__lock = kind == 0 ? 2 : owner;
  mutex.__data.__owner = owner;
  mutex.__data.__kind = kind;
  return mutex;
}

}  // namespace

TEST_CASE("a mutex begins with its futex") {
  const auto wait = find(waits_on(kLock, 2), BlockingFunction::mutex);
  REQUIRE(wait);
  CHECK(wait->lock.address == kLock);
  CHECK(wait->lock.kind == LockKind::mutex);
  CHECK_FALSE(wait->likely);
}

TEST_CASE("each of an rwlock's three words leads to where it begins") {
  CHECK(find(waits_on(kLock + 8, 3), BlockingFunction::read_lock)->lock.address == kLock);
  CHECK(find(waits_on(kLock, 14), BlockingFunction::read_lock)->lock.address == kLock);
  CHECK(find(waits_on(kLock + 8, 2), BlockingFunction::write_lock)->lock.address == kLock);
  CHECK(find(waits_on(kLock + 12, 3), BlockingFunction::write_lock)->lock.address == kLock);
  CHECK(find(waits_on(kLock + 12, 3), BlockingFunction::write_lock)->access == Access::exclusive);
  CHECK(find(waits_on(kLock + 8, 3), BlockingFunction::read_lock)->access == Access::shared);
}

TEST_CASE("a wait with a time-out is a timed one") {
  Capture capture = waits_on(kLock, 2);
  CHECK_FALSE(find(capture, BlockingFunction::mutex)->timed);
  CHECK_FALSE(find(capture, BlockingFunction::write_lock)->timed);
  capture.snapshot.call.arguments[3] = 0x7ffd00001100;
  CHECK(find(capture, BlockingFunction::mutex)->timed);
  CHECK(find(capture, BlockingFunction::write_lock)->timed);
}

TEST_CASE("other waits on a futex are no waits for a lock") {
  for (const BlockingFunction function :
       {BlockingFunction::condition, BlockingFunction::libc_lock, BlockingFunction::semaphore}) {
    CHECK_FALSE(find(waits_on(kLock, 2), function, memory_with(mutex_of(kOwner))));
  }
  CHECK_FALSE(find(waits_on(kLock, FUTEX_WAKE, 2), BlockingFunction::mutex));
  Capture elsewhere = waits_on(kLock, 2);
  elsewhere.snapshot.call.number = SYS_read;
  CHECK_FALSE(find(elsewhere, BlockingFunction::mutex));
  CHECK_FALSE(may_wait_for_lock(waits_on(kLock, 0).snapshot));
}

TEST_CASE("a wait that was stopped and continued goes on under another number") {
  Capture capture = waits_on(kLock, 2);
  capture.snapshot.call.number = SYS_restart_syscall;
  CHECK(find(capture, BlockingFunction::mutex)->lock.address == kLock);
}

TEST_CASE("an inheriting mutex needs no name, since its fields say what it is and twice who has it") {
  constexpr int kInherits = 32;
  const Capture capture = waits_on(kLock, FUTEX_LOCK_PI_PRIVATE, 0);
  const auto wait = find(capture, BlockingFunction::unknown, memory_with(mutex_of(kOwner, kInherits)));
  REQUIRE(wait);
  CHECK(wait->lock.kind == LockKind::mutex);
  CHECK_FALSE(wait->likely);
  CHECK(find(capture, BlockingFunction::mutex));
}

TEST_CASE("the kernel's protocol for inheriting mutexes alone proves no mutex: other locks use it too") {
  const Capture capture = waits_on(kLock, FUTEX_LOCK_PI_PRIVATE, 0);
  CHECK_FALSE(find(capture, BlockingFunction::unknown));
  CHECK_FALSE(find(capture, BlockingFunction::unknown, memory_with(mutex_of(kOwner))));
  pthread_mutex_t similar = mutex_of(kOwner, 32);
  similar.__data.__owner = 7;
  CHECK_FALSE(find(capture, BlockingFunction::unknown, memory_with(similar)));
}

TEST_CASE("without a name it is likely a mutex if its owner is a thread") {
  const auto wait = find(waits_on(kLock, 2), BlockingFunction::unknown, memory_with(mutex_of(kOwner)));
  REQUIRE(wait);
  CHECK(wait->likely);
  CHECK_FALSE(find(waits_on(kLock, 2), BlockingFunction::unknown, memory_with(mutex_of(kOwner + 1))));
  CHECK_FALSE(find(waits_on(kLock, 2), BlockingFunction::unknown, memory_with(mutex_of(0))));
  CHECK_FALSE(find(waits_on(kLock, 2), BlockingFunction::unknown));
}

TEST_CASE("without a name it is likely an rwlock if its writer is a thread") {
  pthread_rwlock_t rwlock{};
  rwlock.__data.__cur_writer = kOwner;
  const auto wait = find(waits_on(kLock + 8, 3), BlockingFunction::unknown, memory_with(rwlock));
  REQUIRE(wait);
  CHECK(wait->lock.kind == LockKind::rwlock);
  CHECK(wait->likely);
  rwlock.__data.__cur_writer = 0;
  rwlock.__data.__readers = 8;
  CHECK_FALSE(find(waits_on(kLock + 12, 3), BlockingFunction::unknown, memory_with(rwlock)));
}

TEST_CASE("of one that waits in vain on its own stack, a register leads to the mutex that it was refused") {
  constexpr int kInherits = 32;
  Capture capture = waits_on(0x7ffd00001054, FUTEX_WAIT_BITSET_PRIVATE, 0);
  REQUIRE(waits_in_vain(capture.snapshot));
  capture.snapshot.registers.r14 = kLock + 16;
  capture.snapshot.registers.known = Registers::kBxIsKnown | Registers::kR14IsKnown;
  const auto wait = find(capture, BlockingFunction::mutex, memory_with(mutex_of(kOwner, kInherits)));
  REQUIRE(wait);
  CHECK(wait->lock.address == kLock);
  CHECK(wait->likely);
  CHECK_FALSE(find(capture, BlockingFunction::mutex, memory_with(mutex_of(kOwner))));
  CHECK(find(capture, BlockingFunction::unknown, memory_with(mutex_of(kOwner, kInherits))));
  CHECK_FALSE(find(capture, BlockingFunction::semaphore, memory_with(mutex_of(kOwner, kInherits))));
}
