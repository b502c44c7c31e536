// The rules of symbolizer/waits/libc_wait.h: objects in memory, and what looks like one and is none.
#include "symbolizer/waits/libc_wait.h"

#include <linux/futex.h>
#include <sys/syscall.h>

#include "shim/common/glibc/thread_descriptor.h"
#include "symbolizer/waits/lock_reader.h"
#include "tests/catch.h"
#include "tests/unit/fake_process.h"

using namespace holdwatch;

namespace {

constexpr uintptr_t kObject = 0x10000, kDescriptor = 0x20000, kTimeout = 0x30000;
constexpr int kThread = 4711;
constexpr int kJoining = FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME;

struct Scene {
  test::FakeMemory memory;
  Modules modules{-1, memory};
  WaitingProcess process{modules, memory, [](int tid) { return tid == kThread ? kThread : 0; },
                         [](int, int) { return ""; }, [] { return true; }};

  void add_descriptor(uintptr_t self = kDescriptor, int tid = kThread) {
    test::ByteVector bytes(0x300);
    test::put(bytes, kDescriptorSelf, self);
    test::put(bytes, kDescriptorTid, tid);
    memory.regions[kDescriptor] = bytes;
  }

  void add_stream_lock(uint32_t word, int count, uintptr_t owner) {
    test::ByteVector bytes;
    test::append_value(bytes, word);
    test::append_value(bytes, count);
    test::append_value(bytes, owner);
    memory.regions[kObject] = bytes;
  }

  Wait wait(BlockingFunction function, uintptr_t word, int operation, uint32_t value, uintptr_t timeout = 0) {
    const SystemCall call{true, SYS_futex, {word, static_cast<uint64_t>(operation), value, timeout, 0, 0}};
    return read_libc_wait(call, function, process, {ThreadFiles(), &memory, "", {}});
  }
  Wait join(int tid) {
    return wait(BlockingFunction::unknown, kDescriptor + kDescriptorTid, kJoining, static_cast<uint32_t>(tid));
  }
  Wait stream() { return wait(BlockingFunction::libc_lock, kObject, FUTEX_WAIT_PRIVATE, 2); }
};

}  // namespace

TEST_CASE_METHOD(Scene, "a join names the thread whose descriptor it sleeps on") {
  add_descriptor();
  const Wait wait = join(kThread);
  CHECK(wait.known);
  CHECK(wait.kind == WaitKind::join);
  CHECK(wait.object == kDescriptor);
  REQUIRE(wait.ender_count == 1);
  CHECK(wait.enders[0].tid == kThread);
  CHECK(wait.enders[0].evidence == Evidence::stated);
}

TEST_CASE_METHOD(Scene, "a word that happens to contain a thread's id is no join") {
  memory.regions[kDescriptor] = test::ByteVector(0x300);
  CHECK(join(kThread).kind == WaitKind::futex);  // not the address of a descriptor
  add_descriptor(kDescriptor + 8);
  CHECK(join(kThread).kind == WaitKind::futex);
  add_descriptor(kDescriptor, kThread + 1);
  CHECK(join(kThread).kind == WaitKind::futex);  // another thread's by now
}

TEST_CASE_METHOD(Scene, "a thread that is not there is not named") {
  add_descriptor(kDescriptor, kThread + 1);
  const Wait wait = join(kThread + 1);
  CHECK(wait.kind == WaitKind::join);
  CHECK(wait.ender_count == 0);
}

TEST_CASE_METHOD(Scene, "a stream's lock names its owner, whether or not the first lock is counted") {
  add_descriptor();
  for (const int count : {0, 1}) {
    add_stream_lock(2, count, kDescriptor);
    const Wait wait = stream();
    CHECK(wait.kind == WaitKind::stream);
    CHECK(wait.object == kObject);
    REQUIRE(wait.ender_count == 1);
    CHECK(wait.enders[0].tid == kThread);
  }
}

TEST_CASE_METHOD(Scene, "how often a stream is locked depends on the version of glibc") {
  const auto depth = [this](int count, unsigned glibc_minor) {
    add_stream_lock(2, count, kDescriptor);
    return read_lock_fields({kObject, LockKind::stream}, memory, glibc_minor)->depth;
  };
  add_descriptor();
  CHECK(depth(2, 36) == 2);
  CHECK(depth(0, 36) == 1);  // 2.37 looks like 2.36
  CHECK(depth(0, 41) == 1);
  CHECK(depth(1, 41) == 2);
  CHECK(depth(2, 0) == 1);
}

TEST_CASE_METHOD(Scene, "another lock of libc's is not taken for a stream's") {
  add_descriptor();
  add_stream_lock(2, -1, kDescriptor);
  CHECK(stream().kind == WaitKind::libc);
  add_stream_lock(2, 1, kDescriptor + 8);
  CHECK(stream().kind == WaitKind::libc);
  add_stream_lock(1, 1, kDescriptor);
  CHECK(stream().kind == WaitKind::libc);
  memory.regions.erase(kObject);
  CHECK(stream().kind == WaitKind::libc);
  CHECK(stream().ender_count == 0);
}

TEST_CASE_METHOD(Scene, "what has a stream lock's fields is none without one of libc's functions") {
  add_descriptor();
  add_stream_lock(2, 1, kDescriptor);
  for (const BlockingFunction function : {BlockingFunction::futex, BlockingFunction::unknown})
    CHECK(wait(function, kObject, FUTEX_WAIT_PRIVATE, 2).kind == WaitKind::futex);
}

TEST_CASE_METHOD(Scene, "an atomic variable has an address only if it cannot be the library's pool") {
  CHECK(wait(BlockingFunction::atomic, 0x10044, FUTEX_WAIT, 0).object == 0x10044);
  CHECK(wait(BlockingFunction::atomic, 0x10040, FUTEX_WAIT, 0).object == 0);
}

TEST_CASE_METHOD(Scene, "a symbol tells an atomic variable from the library's pool") {
  std::string name = "ready";
  process.variable_name = [&](uintptr_t) { return name; };
  CHECK(wait(BlockingFunction::atomic, 0x10040, FUTEX_WAIT, 0).object == 0x10040);
  name = "std::__detail::__waiter_pool_base::_S_for(void const*)::__w+64";
  CHECK(wait(BlockingFunction::atomic, 0x10040, FUTEX_WAIT, 0).object == 0);
}

TEST_CASE_METHOD(Scene,
                 "the guard of a static is known by how it is waited for, where libstdc++'s function has no name") {
  constexpr uint32_t kPendingAndWaiting = 0x10100;
  for (const BlockingFunction function : {BlockingFunction::futex, BlockingFunction::unknown}) {
    CHECK(wait(function, kObject, FUTEX_WAIT, kPendingAndWaiting).kind == WaitKind::local_static);
    CHECK(wait(function, kObject, FUTEX_WAIT_PRIVATE, kPendingAndWaiting).kind == WaitKind::futex);
    CHECK(wait(function, kObject, FUTEX_WAIT, 0x100).kind == WaitKind::futex);
  }
}

TEST_CASE_METHOD(Scene, "libc++ names only the atomics that it waits for themselves, and waits without a timeout") {
  CHECK(wait(BlockingFunction::libcxx_atomic, 0x10040, FUTEX_WAIT, 0).object == 0x10040);
  CHECK(wait(BlockingFunction::libcxx_pool, 0x10044, FUTEX_WAIT, 0).object == 0);
  test::append_value(memory.regions[kTimeout], timespec{2, 0});
  CHECK(wait(BlockingFunction::atomic, 0x10044, FUTEX_WAIT, 0, kTimeout).has_timeout);
  const Wait wait = this->wait(BlockingFunction::libcxx_pool, 0x10044, FUTEX_WAIT, 0, kTimeout);
  CHECK(wait.kind == WaitKind::atomic);
  CHECK_FALSE(wait.has_timeout);
}

TEST_CASE_METHOD(Scene, "a barrier counts who has arrived in this round") {
  test::ByteVector bytes;
  for (const uint32_t value : {11u, 9u, 3u}) test::append_value(bytes, value);
  memory.regions[kObject] = bytes;
  const Wait wait = this->wait(BlockingFunction::barrier, kObject + 4, FUTEX_WAIT_PRIVATE, 9);
  CHECK(wait.kind == WaitKind::barrier);
  CHECK(wait.object == kObject);
  CHECK(wait.arrived == 2);
  CHECK(wait.needed == 3);
}

TEST_CASE_METHOD(Scene, "a condition wait that sleeps like a mutex's waiter takes its mutex back") {
  CHECK(wait(BlockingFunction::condition, kObject, FUTEX_WAIT_PRIVATE, 2).kind == WaitKind::mutex);
  const Wait sleeping = wait(BlockingFunction::condition, kObject + 40, FUTEX_WAIT_BITSET_PRIVATE, 0);
  CHECK(sleeping.kind == WaitKind::condition);
  CHECK(sleeping.object == 0);  // in which glibc's layout is not known
}

TEST_CASE_METHOD(Scene, "a condition wait that sleeps as old versions of glibc did is one") {
  CHECK(wait(BlockingFunction::condition, kObject + 40, FUTEX_WAIT_PRIVATE, 0).kind == WaitKind::condition);
  CHECK(wait(BlockingFunction::condition, kObject, FUTEX_LOCK_PI_PRIVATE, 0).kind == WaitKind::mutex);
}

TEST_CASE_METHOD(Scene, "a call that wakes is no wait") {
  CHECK_FALSE(wait(BlockingFunction::futex, kObject, FUTEX_WAKE_PRIVATE, 1).known);
}

namespace {

// A mutex that processes share, held by the thread with this id.
test::ByteVector shared_mutex(int owner) {
  constexpr int kShared = 128;  // PTHREAD_MUTEX_PSHARED_BIT, nptl/pthreadP.h
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  mutex.__data.__lock = 2;
  mutex.__data.__owner = owner;
  mutex.__data.__kind = kShared;
  test::ByteVector bytes;
  test::append_value(bytes, mutex);
  return bytes;
}

}  // namespace

TEST_CASE_METHOD(Scene, "the owner of a lock that processes share is whom its id means among all of them") {
  memory.regions[kObject] = shared_mutex(kThread);
  std::optional<SharedOwner> owner;
  process.shared_owner = [&](uintptr_t lock, int id) {
    CHECK(lock == kObject);
    CHECK(id == kThread);
    return owner;
  };
  const auto read = [&] { return wait(BlockingFunction::mutex, kObject, FUTEX_WAIT, 2); };
  owner = SharedOwner{OwnerProof::proven, 31, 32};
  REQUIRE(read().ender_count == 1);
  CHECK(read().enders[0].pid == 31);
  CHECK(read().enders[0].tid == 32);
  CHECK(read().enders[0].evidence == Evidence::stated);
  owner = SharedOwner{OwnerProof::likely, 31, 32};
  CHECK(read().ender_count == 0);
  CHECK(read().gap == EnderGap::processes);
  owner = SharedOwner{OwnerProof::exited};
  CHECK(read().ender_count == 0);
  CHECK(read().gap == EnderGap::exited);
  owner = std::nullopt;  // in memory of its own it means a thread of the process, whatever its attributes say
  REQUIRE(read().ender_count == 1);
  CHECK(read().enders[0].pid == 0);
  CHECK(read().enders[0].tid == kThread);
}

TEST_CASE_METHOD(Scene,
                 "a lock of the program's own by the kernel's protocol is no mutex, but its word says who has it") {
  test::ByteVector bytes(40, 7);
  test::put(bytes, 0, static_cast<uint32_t>(kThread) | FUTEX_WAITERS);
  memory.regions[kObject] = bytes;
  for (const BlockingFunction function : {BlockingFunction::futex, BlockingFunction::unknown}) {
    const Wait own = wait(function, kObject, FUTEX_LOCK_PI_PRIVATE, 0);
    CHECK(own.kind == WaitKind::futex);
    CHECK(own.object == kObject);
    REQUIRE(own.ender_count == 1);
    CHECK(own.enders[0].tid == kThread);
    CHECK(own.enders[0].evidence == Evidence::stated);
  }
  // Between processes, the id may be one of another pid namespace.
  CHECK(wait(BlockingFunction::futex, kObject, FUTEX_LOCK_PI, 0).ender_count == 0);
}

TEST_CASE_METHOD(Scene, "a thread that was refused a mutex sleeps on a word of its stack, which is not the mutex") {
  const Wait refused = wait(BlockingFunction::mutex, kObject, FUTEX_WAIT_BITSET_PRIVATE, 0);
  CHECK(refused.kind == WaitKind::mutex);
  CHECK(refused.object == 0);
  CHECK(refused.ender_count == 0);
}
