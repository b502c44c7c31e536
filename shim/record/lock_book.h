// What is known of a lock beyond its holders: the id that reports call it by, and the name and limit that the program
// gave it. A fixed table by address.
// Cold context; any thread (the public API, the watcher, the reporter), without a lock.
#pragma once

#include <cstddef>
#include <cstdint>

#include "shim/base/plain.h"

namespace holdwatch {

// The number of "L3", given out at the first question. A lock that the full table has no room for gets a new one each time.
uint32_t lock_id(uintptr_t address);

// Empty if the program named it not.
void lock_name(uintptr_t address, char (&out)[kLockNameSize]);
void set_lock_name(uintptr_t address, const char* name);

// The lock's own limit, or `usual_ns` if it has none.
uint64_t lock_limit_ns(uintptr_t address, uint64_t usual_ns);
void set_lock_limit_ns(uintptr_t address, uint64_t limit_ns);
inline constexpr uint64_t kUsualLimit = UINT64_MAX;  // for set_lock_limit_ns: as if it had none

// The smallest limit that any lock was given, UINT64_MAX if none was.
uint64_t smallest_lock_limit_ns();

// The lock is destroyed: what comes to its address next is another lock.
void forget_lock(uintptr_t address);

}  // namespace holdwatch
