// See waiting_call.h.
#include "shim/inspection/waiting_call.h"

#include <linux/futex.h>
#include <pthread.h>
#include <sys/syscall.h>

#include <cstddef>

#include "shim/common/glibc/lock_layout.h"
#include "shim/inspection/capture.h"
#include "shim/inspection/ownership.h"

namespace holdwatch {
namespace {

// From the system call's frame to the return address into the function: __lll_lock_wait, __futex_abstimed_wait.
constexpr size_t kWordsLookedAt = 48;

const WaitingFunction* g_functions = nullptr;
unsigned g_count = 0;

uint64_t command_of(const SystemCall& call) {
  constexpr uint64_t kCommand = ~uint64_t{FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME};
  return call.arguments[1] & kCommand;
}

bool inherits(const SystemCall& call) {
  constexpr uint32_t kLockPi2 = 13;  // FUTEX_LOCK_PI2, Linux 5.14, which older headers lack
  return command_of(call) == FUTEX_LOCK_PI || command_of(call) == kLockPi2;
}

// A wait with a timeout that was stopped and continued goes on as restart_syscall, its arguments still in place (signal(7)).
bool is_futex_wait(const SystemCall& call) {
  if (!call.known || (call.number != SYS_futex && call.number != SYS_restart_syscall)) return false;
  return command_of(call) == FUTEX_WAIT || command_of(call) == FUTEX_WAIT_BITSET || inherits(call);
}

// The fourth argument of a futex wait; only a wait with one goes on as restart_syscall.
bool has_timeout(const SystemCall& call) {
  return call.number == SYS_restart_syscall || call.arguments[3] != 0;
}

uint32_t value_of(const SystemCall& call) {
  return static_cast<uint32_t>(call.arguments[2]);
}

LockWord mutex_at(uintptr_t word) {
  return {reinterpret_cast<const void*>(word), LockKind::mutex, Access::exclusive};
}

// A contended mutex is waited for with this value (nptl/lowlevellock.h), a condition's words with another.
bool is_for_mutex(const SystemCall& call) {
  constexpr uint32_t kContended = 2;
  LockWord held;
  return call.number == SYS_futex && value_of(call) == kContended && !has_timeout(call) &&
         owner_of(mutex_at(call.arguments[0]), &held) != 0;
}

const WaitingFunction* function_of(uintptr_t return_address) {
  for (unsigned i = 0; i < g_count; ++i)
    if (return_address > g_functions[i].start && return_address <= g_functions[i].end) return &g_functions[i];
  return nullptr;
}

// The innermost return address that lies in such a function is the one: what is below is the function's own business.
const WaitingFunction* function_waited_in(const SyscallFile& place) {
  if (place.kind != SyscallFile::Kind::in_call || !is_futex_wait(place.call)) return nullptr;
  uintptr_t words[kWordsLookedAt];
  const size_t count = read_own_memory(place.sp, words, sizeof words) / sizeof words[0];
  const WaitingFunction* function = count == 0 ? nullptr : function_of(place.pc);
  for (size_t i = 0; i < count && function == nullptr; ++i) function = function_of(words[i]);
  return function;
}

}  // namespace

void set_waiting_functions(const WaitingFunction* functions, unsigned count) {
  g_functions = functions;
  g_count = count;
}

LockWord lock_of_futex(uintptr_t word, uint32_t value, LockKind kind, Access access) {
  const size_t offset = kind == LockKind::mutex ? 0 : rwlock_word_offset(word, value, access == Access::shared);
  return {reinterpret_cast<const void*>(word - offset), kind, access};
}

bool lock_waited_for(const SyscallFile& place, LockWord* out) {
  *out = {};
  const uintptr_t word = place.call.arguments[0];
  if (place.kind == SyscallFile::Kind::in_call && is_futex_wait(place.call) && inherits(place.call)) {
    // The kernel's own protocol: no function's name is needed, and these waits are in one that has none.
    *out = mutex_at(word);
  } else if (const WaitingFunction* function = function_waited_in(place); function != nullptr) {
    if (!function->is_condition || is_for_mutex(place.call))
      *out = lock_of_futex(word, value_of(place.call), function->kind, function->access);
  } else if (place.kind == SyscallFile::Kind::in_call && is_futex_wait(place.call) &&
             is_unnamed_mutex(mutex_at(word), value_of(place.call))) {
    *out = mutex_at(word);
  }
  if (!out->empty() && has_timeout(place.call)) *out = out->with_timeout();
  return !out->empty();
}

bool sleeps_for(const SyscallFile& place, LockWord lock) {
  if (place.kind != SyscallFile::Kind::in_call || !is_futex_wait(place.call)) return false;
  const uintptr_t offset = place.call.arguments[0] - lock.address();
  if (lock.kind() == LockKind::mutex) return offset == 0;
  return offset == kRwlockReaders || offset == kRwlockPhase || offset == kRwlockWriters;
}

LockWord wanted_of(const SyscallFile& place, LockWord lock) {
  const uintptr_t offset = place.call.arguments[0] - lock.address();
  const bool writes = lock.kind() == LockKind::mutex || offset == kRwlockWriters ||
                      (offset == kRwlockPhase && value_of(place.call) == kPhaseForWriter);
  const LockWord wanted(reinterpret_cast<const void*>(lock.address()), lock.kind(),
                        writes ? Access::exclusive : Access::shared);
  return has_timeout(place.call) ? wanted.with_timeout() : wanted;
}

bool sits_in_condition_wait(const SyscallFile& place) {
  const WaitingFunction* function = function_waited_in(place);
  return function != nullptr && function->is_condition;
}

}  // namespace holdwatch
