// See libc_wait.h. Layouts and futex values are those of glibc 2.31 to 2.41: nptl/pthread_join_common.c (join),
// sysdeps/nptl/internaltypes.h (pthread_barrier), sysdeps/nptl/stdio-lock.h (_IO_lock_t), nptl/pthread_once.c.
#include "symbolizer/waits/libc_wait.h"

#include <linux/futex.h>

#include <string>

#include "shim/common/glibc/futex_wait.h"
#include "shim/common/glibc/thread_descriptor.h"
#include "symbolizer/activity/times.h"
#include "symbolizer/waits/condition_object.h"
#include "symbolizer/waits/glibc_version.h"
#include "symbolizer/waits/lock_reader.h"
#include "symbolizer/waits/stream_name.h"

namespace holdwatch {
namespace {

struct Barrier {
  uint32_t in, current_round, count;
};

class LibcWait {
 public:
  LibcWait(const SystemCall& call, const FutexWait& futex, const WaitingProcess& process, const CallContext& context)
      : call_(call), futex_(futex), process_(process), context_(context) {}

  Wait read(BlockingFunction function) {
    wait_.known = true;
    wait_.kind = WaitKind::futex;
    wait_.object = futex_.word;
    read_timeout();
    read_object(function);
    return wait_;
  }

 private:
  // A name decides where there is one. Without, only what the object itself proves.
  void read_object(BlockingFunction function) {
    switch (function) {
      case BlockingFunction::mutex:
        return read_mutex();
      case BlockingFunction::read_lock:
        return read_rwlock(Access::shared);
      case BlockingFunction::write_lock:
        return read_rwlock(Access::exclusive);
      case BlockingFunction::condition:
        return read_condition();
      case BlockingFunction::semaphore:
        wait_.kind = WaitKind::semaphore;
        return;
      case BlockingFunction::barrier:
        return read_barrier();
      case BlockingFunction::once:
        wait_.kind = WaitKind::once;
        return;
      case BlockingFunction::local_static:
        wait_.kind = WaitKind::local_static;
        return;
      case BlockingFunction::libcxxabi_static:
        wait_.kind = WaitKind::local_static;
        wait_.object = 0;
        return;
      case BlockingFunction::atomic:
        return read_atomic();
      case BlockingFunction::libcxx_atomic:
        return read_libcxx_atomic(futex_.word);
      case BlockingFunction::libcxx_pool:
        return read_libcxx_atomic(0);
      case BlockingFunction::join:
        wait_.kind = WaitKind::join;
        static_cast<void>(is_join());
        return;
      case BlockingFunction::stream:
        wait_.kind = WaitKind::stream;
        static_cast<void>(is_stream());
        return;
      case BlockingFunction::libc_lock:
        wait_.kind = WaitKind::libc;
        static_cast<void>(is_stream());
        return;
      case BlockingFunction::futex:
      case BlockingFunction::unknown:
        if (futex_.inherits) return read_inheriting(function);
        if (!is_join() && is_guard()) wait_.kind = WaitKind::local_static;
        return;
    }
  }

  // libstdc++ waits for what is no int by the counters of a pool that all such objects share (bits/atomic_wait.h,
  // __waiter_pool_base): they are aligned to 64 bytes. If an int is too, only a symbol distinguishes it from them.
  void read_atomic() {
    constexpr uintptr_t kAlignmentOfPool = 64;
    wait_.kind = WaitKind::atomic;
    if (futex_.word % kAlignmentOfPool != 0) return;
    const std::string name = process_.variable_name ? process_.variable_name(futex_.word) : "";
    if (name.empty() || name.find("__waiter_pool") != std::string::npos) wait_.object = 0;
  }

  // How libstdc++'s __cxa_guard_acquire waits on the guard of a static, where it has no name: in a program that was linked with
  // -static-libstdc++ and stripped (libsupc++/guard.cc: pending, waiting, and not initialized).
  bool is_guard() const {
    constexpr uint32_t kPendingAndWaiting = 0x10100;
    return static_cast<uint32_t>(call_.arguments[1]) == FUTEX_WAIT && futex_.value == kPendingAndWaiting &&
           !futex_.has_timeout;
  }

  // libc++ lets each call end after two seconds and makes it again (libcxx/src/atomic.cpp): that is no timeout.
  void read_libcxx_atomic(uintptr_t object) {
    wait_.kind = WaitKind::atomic;
    wait_.object = object;
    wait_.has_timeout = false;
    wait_.timeout_ns = 0;
  }

  // By the kernel's protocol, the word contains the owner's id, even if the lock is not a libc mutex.
  void read_inheriting(BlockingFunction function) {
    if (context_.memory == nullptr) return;
    if (function == BlockingFunction::unknown && is_unnamed_inheriting(futex_.word, *context_.memory))
      return read_mutex();
    const auto word = context_.read_value<uint32_t>(futex_.word);
    if (word && !futex_.is_shared) add_ender(static_cast<int>(*word & FUTEX_TID_MASK));
  }

  void read_mutex() {
    wait_.kind = is_in_loader(futex_.word, process_.modules) ? WaitKind::loader : WaitKind::mutex;
    if (waits_in_vain()) {
      wait_.object = 0;
      return;
    }
    read_lock({futex_.word, LockKind::mutex});
  }

  // On a word of the thread's own stack, for a mutex that the kernel has refused it (nptl/pthread_mutex_lock.c: "Delay the
  // thread indefinitely"). The word of a mutex that is waited for is never 0.
  bool waits_in_vain() const { return !futex_.inherits && futex_.value == 0; }

  void read_rwlock(Access access) {
    wait_.kind = WaitKind::rwlock;
    read_lock(lock_waited_on(futex_, LockKind::rwlock, access));
  }

  void read_lock(LockRef lock) {
    wait_.object = lock.address;
    const auto fields = read_fields(lock);
    if (!fields || fields->owner == 0) return;
    const auto shared_owner = fields->process_shared && process_.shared_owner
                                  ? process_.shared_owner(lock.address, fields->owner)
                                  : std::nullopt;
    if (shared_owner) return add_owner(*shared_owner);
    add_ender(fields->owner);
    if (wait_.ender_count == 0) wait_.gap = EnderGap::exited;
  }

  void add_owner(const SharedOwner& owner) {
    switch (owner.proof) {
      case OwnerProof::proven:
        wait_.enders[wait_.ender_count++] = {owner.pid, owner.tid, Evidence::stated, {}};
        return;
      case OwnerProof::exited:
        wait_.gap = EnderGap::exited;
        return;
      case OwnerProof::likely:
      case OwnerProof::not_found:
        wait_.gap = EnderGap::processes;
        return;
    }
  }

  std::optional<LockFields> read_fields(LockRef lock) const {
    return context_.memory == nullptr ? std::nullopt : read_lock_fields(lock, *context_.memory);
  }

  // pthread_join sleeps on the id in the descriptor of the thread that it waits for, until the kernel clears it.
  bool is_join() {
    const auto operation = static_cast<uint32_t>(call_.arguments[1]);
    const bool may_be_join = operation == (FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME) ||
                             operation == FUTEX_WAIT_BITSET || operation == FUTEX_WAIT;
    const auto tid = static_cast<int>(futex_.value);
    if (!may_be_join || tid <= 0 || context_.memory == nullptr ||
        tid_in_descriptor(futex_.word - kDescriptorTid, *context_.memory) != tid)
      return false;
    wait_.kind = WaitKind::join;
    wait_.object = futex_.word - kDescriptorTid;
    add_ender(tid);
    return true;
  }

  bool is_stream() {
    if (context_.memory == nullptr) return false;
    const auto lock = read_stream_waited_for(futex_, *context_.memory);
    const bool is_held = lock && process_.thread_with_id(lock->owner) != 0;
    if (!is_held && !is_stream_left_by_exited(futex_, *context_.memory)) return false;
    wait_.kind = WaitKind::stream;
    stream_name(futex_.word, process_.modules, *context_.memory).copy(wait_.name, sizeof wait_.name - 1);
    if (is_held)
      add_ender(lock->owner);
    else
      wait_.gap = EnderGap::exited;
    return true;
  }

  void read_condition() {
    if (takes_mutex_back()) return read_mutex();
    wait_.kind = WaitKind::condition;
    wait_.object = condition_slept_in(futex_, glibc_minor_of(process_.modules, process_.memory), process_.memory);
  }

  // A contended mutex's word is never 0. Up to glibc 2.32 pthread_cond_wait sleeps by FUTEX_WAIT too, while the word is
  // 0; from 2.33 on by FUTEX_WAIT_BITSET (nptl/pthread_cond_wait.c, sysdeps/nptl/futex-internal.h).
  bool takes_mutex_back() const {
    const auto operation = static_cast<uint32_t>(call_.arguments[1]) & static_cast<uint32_t>(FUTEX_CMD_MASK);
    return futex_.inherits || (operation == FUTEX_WAIT && futex_.value != 0);
  }

  void read_barrier() {
    wait_.kind = WaitKind::barrier;
    wait_.object = futex_.word - offsetof(Barrier, current_round);
    const auto barrier = context_.read_value<Barrier>(wait_.object);
    if (!barrier) return;
    wait_.arrived = barrier->in - barrier->current_round;
    wait_.needed = barrier->count;
  }

  void read_timeout() {
    wait_.has_timeout = futex_.has_timeout;
    const auto operation = static_cast<uint32_t>(call_.arguments[1]);
    const uintptr_t address = call_.arguments[3];
    if (!futex_.has_timeout || address == 0) return;
    const bool by_wall_clock = (operation & FUTEX_CLOCK_REALTIME) != 0 || futex_.inherits;
    const bool is_relative = (operation & static_cast<uint32_t>(FUTEX_CMD_MASK)) == FUTEX_WAIT;
    const auto left_ns = is_relative
                             ? time_at(address, context_)
                             : time_left_until(address, by_wall_clock ? CLOCK_REALTIME : CLOCK_MONOTONIC, context_);
    wait_.timeout_is_known = left_ns.has_value();
    wait_.timeout_ns = left_ns.value_or(0);
  }

  void add_ender(int tid) {
    const int id = tid == 0 ? 0 : process_.thread_with_id(tid);
    if (id != 0) wait_.enders[wait_.ender_count++] = {0, id, Evidence::stated, {}};
  }

  const SystemCall& call_;
  const FutexWait& futex_;
  const WaitingProcess& process_;
  const CallContext& context_;
  Wait wait_{};
};

}  // namespace

bool is_in_loader(uintptr_t address, const Modules& modules) {
  const Module* module = modules.find(address);
  // ld-2.31.so: until 2.34 the file has its version in its name.
  return module != nullptr &&
         (module->path.find("/ld-linux") != std::string::npos || module->path.find("/ld-2.") != std::string::npos);
}

Wait read_libc_wait(const SystemCall& futex_call, BlockingFunction function, const WaitingProcess& process,
                    const CallContext& context) {
  const auto futex = futex_wait(futex_call);
  return futex ? LibcWait(futex_call, *futex, process, context).read(function) : Wait{};
}

}  // namespace holdwatch
