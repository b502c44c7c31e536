// See waiting_call.h.
#include "shim/inspection/waiting_call.h"

#include <linux/futex.h>
#include <pthread.h>

#include <cstddef>
#include <optional>

#include "shim/common/glibc/futex_wait.h"
#include "shim/common/glibc/lock_layout.h"
#include "shim/common/glibc/stream_layout.h"
#include "shim/inspection/capture.h"
#include "shim/inspection/ownership.h"

namespace holdwatch {
namespace {

// From the system call's frame to the return address into the function: __lll_lock_wait, __futex_abstimed_wait.
constexpr size_t kWordsLookedAt = 48;

const WaitingFunction* g_functions = nullptr;
unsigned g_count = 0;

std::optional<FutexWait> futex_wait_of(const SyscallFile& place) {
  return place.kind == SyscallFile::Kind::in_call ? futex_wait(place.call) : std::nullopt;
}

LockWord mutex_at(uintptr_t word) {
  return {reinterpret_cast<const void*>(word), LockKind::mutex, Access::exclusive};
}

// A contended mutex is waited for with this value (nptl/lowlevellock.h), a condition's words with another.
bool is_for_mutex(const FutexWait& wait) {
  constexpr uint32_t kContended = 2;
  LockWord held;
  return wait.value == kContended && !wait.has_timeout && owner_of(mutex_at(wait.word), &held) != 0;
}

// Of libc's own locks, which are waited for with this value, only those of streams name their owner.
LockWord stream_waited_for(const FutexWait& wait) {
  const LockWord stream{reinterpret_cast<const void*>(wait.word), LockKind::stream, Access::exclusive};
  LockWord held;
  const bool is_stream =
      wait.value == kStreamContended && !wait.has_timeout && is_contended(stream) && owner_of(stream, &held) != 0;
  return is_stream ? stream : LockWord{};
}

const WaitingFunction* function_of(uintptr_t return_address) {
  for (unsigned i = 0; i < g_count; ++i)
    if (return_address > g_functions[i].start && return_address <= g_functions[i].end) return &g_functions[i];
  return nullptr;
}

// The innermost return address in such a function decides: frames below belong to functions that it calls.
const WaitingFunction* function_waited_in(const SyscallFile& place) {
  if (!futex_wait_of(place)) return nullptr;
  uintptr_t words[kWordsLookedAt];
  const size_t count = read_local_memory(place.sp, words, sizeof words) / sizeof words[0];
  const WaitingFunction* function = count == 0 ? nullptr : function_of(place.pc);
  for (size_t i = 0; i < count && function == nullptr; ++i) function = function_of(words[i]);
  return function;
}

// A return address that an earlier call has left on the stack shows a function that the thread is not in: what it sleeps with must fit
// too. Robust mutexes are waited for with their owner's id, and those with a ceiling with that (nptl/pthread_mutex_lock.c).
bool fits(const FutexWait& wait, const WaitingFunction& function) {
  if (function.is_condition) return is_for_mutex(wait);
  if (function.kind != LockKind::mutex) return true;
  const bool is_contended = wait.value == kMutexContended || (wait.value & FUTEX_WAITERS) != 0 ||
                            (wait.value & ~kMutexCeiling) == kProtectedContended;
  LockWord held;
  return is_contended && owner_of(mutex_at(wait.word), &held) != 0;
}

LockWord lock_of(const FutexWait& wait, const WaitingFunction& function) {
  const LockRef lock = lock_waited_on(wait, function.kind, function.access);
  return {reinterpret_cast<const void*>(lock.address), lock.kind, function.access};
}

}  // namespace

void set_waiting_functions(const WaitingFunction* functions, unsigned count) {
  g_functions = functions;
  g_count = count;
}

// The kernel's priority-inheritance calls identify the lock without a function's name; such waits are in a function that has none.
bool lock_waited_for(const SyscallFile& place, LockWord* out) {
  *out = {};
  const std::optional<FutexWait> wait = futex_wait_of(place);
  if (!wait) return false;
  if (wait->inherits) {
    *out = mutex_at(wait->word);
  } else if (const LockWord stream = stream_waited_for(*wait); !stream.empty()) {
    *out = stream;
  } else if (const WaitingFunction* function = function_waited_in(place); function != nullptr) {
    if (fits(*wait, *function)) *out = lock_of(*wait, *function);
  } else if (is_unnamed_mutex(mutex_at(wait->word), wait->value)) {
    *out = mutex_at(wait->word);
  }
  if (!out->empty() && wait->has_timeout) *out = out->with_timeout();
  return !out->empty();
}

bool stream_waited_for(const SyscallFile& place, LockWord* out) {
  const std::optional<FutexWait> wait = futex_wait_of(place);
  *out = wait ? stream_waited_for(*wait) : LockWord{};
  return !out->empty();
}

bool sleeps_for(const SyscallFile& place, LockWord lock) {
  const std::optional<FutexWait> wait = futex_wait_of(place);
  if (!wait) return false;
  const uintptr_t offset = wait->word - lock.address();
  if (lock.kind() != LockKind::rwlock) return offset == 0;
  return offset == kRwlockReaders || offset == kRwlockPhase || offset == kRwlockWriters;
}

LockWord wanted_of(const SyscallFile& place, LockWord lock) {
  const FutexWait wait = futex_wait_of(place).value_or(FutexWait{});
  const uintptr_t offset = wait.word - lock.address();
  const bool writes = lock.kind() != LockKind::rwlock || offset == kRwlockWriters ||
                      (offset == kRwlockPhase && wait.value == kPhaseForWriter);
  const LockWord wanted(reinterpret_cast<const void*>(lock.address()), lock.kind(),
                        writes ? Access::exclusive : Access::shared);
  return wait.has_timeout ? wanted.with_timeout() : wanted;
}

bool sleeps_for_readers(const SyscallFile& place, LockWord rwlock) {
  const std::optional<FutexWait> wait = futex_wait_of(place);
  return wait && waits_for_readers(*wait, rwlock.address());
}

bool sits_in_condition_wait(const SyscallFile& place) {
  const WaitingFunction* function = function_waited_in(place);
  return function != nullptr && function->is_condition;
}

}  // namespace holdwatch
