// See lock_wait.h. For the futex words and values of each kind of lock see nptl/lowlevellock.h,
// pthread_rwlock_common.c.
#include "symbolizer/tools/inspect/lock_wait.h"

#include <linux/futex.h>
#include <pthread.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <vector>

#include "shim/common/glibc/futex_wait.h"
#include "shim/common/glibc/lock_layout.h"
#include "symbolizer/waits/lock_reader.h"

namespace holdwatch {
namespace {

constexpr uint32_t kContended = 2;       // a plain mutex's word; __wrphase_futex for a waiting writer
constexpr size_t kWaitingFrames = 1024;  // bytes of stack that libc's waiting functions use

LockWait wait_for(const FutexWait& futex, LockKind kind, Access access, bool likely) {
  return {lock_waited_on(futex, kind, access), access, likely, futex.has_timeout};
}

LockWait mutex_wait(const FutexWait& futex, bool likely) {
  return wait_for(futex, LockKind::mutex, Access::exclusive, likely);
}

LockWait write_wait(const FutexWait& futex) {
  LockWait wait = wait_for(futex, LockKind::rwlock, Access::exclusive, false);
  wait.for_readers = waits_for_readers(futex, wait.lock.address);
  return wait;
}

// The word must show that there are waiters, and the owner must be a thread: other data rarely does both.
std::optional<LockWait> guess_mutex(const FutexWait& futex, MemoryReader& memory,
                                    const std::function<bool(int)>& is_thread) {
  if (futex.value != kContended && (futex.value & FUTEX_WAITERS) == 0) return std::nullopt;
  const auto fields = read_lock_fields({futex.word, LockKind::mutex}, memory);
  if (!fields || fields->owner == 0 || !is_thread(fields->owner)) return std::nullopt;
  return mutex_wait(futex, true);
}

// Only one that a writer holds: a number of readers proves nothing.
std::optional<LockWait> guess_rwlock(const FutexWait& futex, MemoryReader& memory,
                                     const std::function<bool(int)>& is_thread) {
  const bool unaligned = futex.word % alignof(pthread_rwlock_t) != 0;
  const LockWait wait = wait_for(futex, LockKind::rwlock, unaligned ? Access::exclusive : Access::shared, true);
  const auto fields = read_lock_fields(wait.lock, memory);
  if (!fields || fields->owner == 0 || !is_thread(fields->owner)) return std::nullopt;
  return wait;
}

std::optional<LockWait> find_stream(const FutexWait& futex, MemoryReader& memory,
                                    const std::function<bool(int)>& is_thread) {
  const auto fields = read_stream_waited_for(futex, memory);
  const bool is_held = fields && is_thread(fields->owner);
  if (!is_held && !is_stream_left_by_exited(futex, memory)) return std::nullopt;
  return wait_for(futex, LockKind::stream, Access::exclusive, false);
}

std::optional<LockWait> refused_mutex(uintptr_t address, bool timed, MemoryReader& memory) {
  if (address == 0 || address % alignof(pthread_mutex_t) != 0) return std::nullopt;
  const LockRef lock{address, LockKind::mutex};
  const auto fields = read_lock_fields(lock, memory);
  if (!fields || !fields->inherits || fields->owner == 0) return std::nullopt;
  return LockWait{lock, Access::exclusive, true, timed};
}

// The mutex that was refused to a thread that waits in vain: the first whose address, or the address of whose kind
// field (which Debian's build keeps), is in a register or near the top of the stack.
std::optional<LockWait> find_refused(const Capture& capture, bool timed, MemoryReader& memory) {
  const Registers& registers = capture.snapshot.registers;
  std::vector<uintptr_t> words;
  if ((registers.known & Registers::kBxIsKnown) != 0) {
    words = {registers.bx, registers.bp, registers.r12, registers.r13, registers.r14, registers.r15};
  }
  for (size_t at = 0; at + sizeof(uintptr_t) <= std::min(capture.stack.size(), kWaitingFrames);
       at += sizeof(uintptr_t)) {
    std::memcpy(&words.emplace_back(), capture.stack.data() + at, sizeof(uintptr_t));
  }
  for (const uintptr_t word : words) {
    if (const auto wait = refused_mutex(word, timed, memory)) return wait;
    if (const auto wait = refused_mutex(word - kMutexKind, timed, memory)) return wait;
  }
  return std::nullopt;
}

bool has_lock_value(const FutexWait& futex) {
  return futex.value == kContended || futex.value == kPhaseForReader ||
         (futex.value & (FUTEX_WAITERS | kReadersWait)) != 0;
}

}  // namespace

// nptl/pthread_mutex_lock.c: "Delay the thread indefinitely."
bool waits_in_vain(const Snapshot& snapshot) {
  const auto futex = futex_wait(snapshot.call);
  const uintptr_t sp = snapshot.registers.sp;
  return futex && snapshot.call.number == SYS_futex && !futex->inherits && futex->value == 0 && futex->word >= sp &&
         futex->word - sp < kWaitingFrames;
}

bool may_wait_for_lock(const Snapshot& snapshot) {
  const auto futex = futex_wait(snapshot.call);
  if (!futex || futex->word % sizeof(uint32_t) != 0 || futex->word < kRwlockWriters) return false;
  return futex->inherits || has_lock_value(*futex) || waits_in_vain(snapshot);
}

bool may_wait_for_thread(const Snapshot& snapshot, const std::function<bool(int tid)>& is_thread) {
  const auto futex = futex_wait(snapshot.call);
  return futex && is_thread(static_cast<int>(futex->value));
}

// nptl/pthread_once.c: in progress, the rest counts forks. libsupc++/guard.cc: pending, with a waiter.
bool may_wait_for_initializer(const Snapshot& snapshot) {
  constexpr uint32_t kOnceStates = 3, kOnceInProgress = 1, kGuardPendingWithWaiter = 0x10100;
  const auto futex = futex_wait(snapshot.call);
  if (!futex || futex->inherits || futex->has_timeout) return false;
  return (futex->value & kOnceStates) == kOnceInProgress || futex->value == kGuardPendingWithWaiter;
}

std::optional<LockWait> find_lock_wait(const Capture& capture, BlockingFunction function, MemoryReader& memory,
                                       const std::function<bool(int tid)>& is_thread) {
  if (!may_wait_for_lock(capture.snapshot)) return std::nullopt;
  const auto futex = futex_wait(capture.snapshot.call);
  const bool refused = waits_in_vain(capture.snapshot);
  switch (function) {
    case BlockingFunction::mutex:
      return refused ? find_refused(capture, futex->has_timeout, memory) : mutex_wait(*futex, false);
    case BlockingFunction::read_lock:
      return wait_for(*futex, LockKind::rwlock, Access::shared, false);
    case BlockingFunction::write_lock:
      return write_wait(*futex);
    case BlockingFunction::stream:
    case BlockingFunction::libc_lock:
      return find_stream(*futex, memory, is_thread);
    case BlockingFunction::unknown:
      break;
    case BlockingFunction::condition:
      // It takes its mutex back.
      if (futex->inherits) return mutex_wait(*futex, false);
      return std::nullopt;
    case BlockingFunction::join:
    case BlockingFunction::semaphore:
    case BlockingFunction::barrier:
    case BlockingFunction::once:
    case BlockingFunction::local_static:
    case BlockingFunction::libcxxabi_static:
    case BlockingFunction::atomic:
    case BlockingFunction::libcxx_atomic:
    case BlockingFunction::libcxx_pool:
    case BlockingFunction::futex:
      return std::nullopt;
  }
  if (refused) return find_refused(capture, futex->has_timeout, memory);
  if (futex->inherits) {
    if (!is_unnamed_inheriting(futex->word, memory)) return std::nullopt;  // a lock of the program's own
    return mutex_wait(*futex, false);
  }
  if (const auto wait = guess_mutex(*futex, memory, is_thread)) return wait;
  return guess_rwlock(*futex, memory, is_thread);
}

}  // namespace holdwatch
