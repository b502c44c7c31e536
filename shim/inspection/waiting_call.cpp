// See waiting_call.h.
#include "shim/inspection/waiting_call.h"

#include <algorithm>
#include <optional>

#include "shim/common/glibc/futex_wait.h"
#include "shim/common/glibc/lock_layout.h"
#include "shim/common/glibc/stream_layout.h"
#include "shim/inspection/ownership.h"

namespace holdwatch {
namespace {

// From the system call out to the function: those of the call itself, __futex_abstimed_wait, and a preloaded library's of the
// same name.
constexpr int kFramesLookedAt = 10;

WaitingCode g_code;

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

// Of libc's own locks, which are waited for with this value, only those of streams name their owner, who may have exited.
LockWord stream_waited_for(const FutexWait& wait) {
  const LockWord stream{reinterpret_cast<const void*>(wait.word), LockKind::stream, Access::exclusive};
  LockWord held;
  if (wait.value != kStreamContended || wait.has_timeout || !is_contended(stream)) return {};
  return owner_of(stream, &held) != 0 || is_left_by_exited(stream) ? stream : LockWord{};
}

const WaitingFunction* function_of(uintptr_t pc) {
  const WaitingFunction* const end = g_code.functions + g_code.function_count;
  const auto* const found = std::find_if(g_code.functions, end, [pc](const WaitingFunction& function) {
    return pc >= function.start && pc < function.end;
  });
  return found == end ? nullptr : found;
}

// The innermost such function decides.
const WaitingFunction* function_waited_in(const SyscallFile& place) {
  if (g_code.function_count == 0 || !futex_wait_of(place)) return nullptr;
  BlockedFrames frames(place, g_code.modules, g_code.module_count);
  const WaitingFunction* function = function_of(frames.pc());
  for (int i = 0; i < kFramesLookedAt && function == nullptr && frames.step(); ++i) function = function_of(frames.pc());
  return function;
}

// Most of these waits are in a function without a name.
bool is_inheriting_mutex(const FutexWait& wait, const SyscallFile& place) {
  return is_unnamed_inheriting(mutex_at(wait.word)) || function_waited_in(place) != nullptr;
}

LockWord lock_of(const FutexWait& wait, const WaitingFunction& function) {
  const LockRef lock = lock_waited_on(wait, function.kind, function.access);
  return {reinterpret_cast<const void*>(lock.address), lock.kind, function.access};
}

}  // namespace

void set_waiting_code(const WaitingCode& code) {
  g_code = code;
}

bool lock_waited_for(const SyscallFile& place, LockWord* out) {
  *out = {};
  const std::optional<FutexWait> wait = futex_wait_of(place);
  if (!wait) return false;
  if (wait->inherits) {
    if (is_inheriting_mutex(*wait, place)) *out = mutex_at(wait->word);
  } else if (const LockWord stream = stream_waited_for(*wait); !stream.empty()) {
    *out = stream;
  } else if (const WaitingFunction* function = function_waited_in(place); function != nullptr) {
    if (!function->is_condition || is_for_mutex(*wait)) *out = lock_of(*wait, *function);
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
