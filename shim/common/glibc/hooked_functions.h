// What the function in each row of hooked_functions.def does to a lock.
// Pure.
#pragma once

#include <cstddef>
#include <cstdint>

#include "shim/common/contract/finding.h"

namespace holdwatch {

// The first five can block their caller; `other` neither acquires a lock nor waits.
enum class HookRole : uint8_t {
  lock_mutex,
  lock_to_read,
  lock_to_write,
  lock_stream,
  wait_for_condition,
  try_lock,
  other
};

constexpr bool can_block(HookRole role) {
  return role != HookRole::try_lock && role != HookRole::other;
}

// True for functions after which the caller may hold a lock that it did not hold before the call.
constexpr bool acquires_lock(HookRole role) {
  return role != HookRole::wait_for_condition && role != HookRole::other;
}

// The lock of a condition wait is a mutex.
constexpr LockKind kind_of_lock(HookRole role) {
  if (role == HookRole::lock_stream) return LockKind::stream;
  return role == HookRole::lock_to_read || role == HookRole::lock_to_write ? LockKind::rwlock : LockKind::mutex;
}
constexpr Access access_of_lock(HookRole role) {
  return role == HookRole::lock_to_read ? Access::shared : Access::exclusive;
}

struct HookedFunction {
  const char* name;
  HookRole role;
};

inline constexpr HookedFunction kHookedFunctions[] = {
#define HOLDWATCH_FUNCTION(name, version, missing_result, role, ...) {#name, HookRole::role},
#include "shim/common/glibc/hooked_functions.def"
#undef HOLDWATCH_FUNCTION
};
inline constexpr size_t kHookedFunctionCount = sizeof kHookedFunctions / sizeof kHookedFunctions[0];

}  // namespace holdwatch
