// What is known of a lock beyond its holders: the id that reports call it by, and the name and limit that the program
// gave it. A fixed table by address.
// Any thread (the public API, the watcher, the reporter, the release of a hold near its limit). Nothing here waits for
// another thread beyond a bound: what could not be noted is missing.
#pragma once

#include <cstddef>
#include <cstdint>

#include "shim/common/contract/finding.h"

namespace holdwatch {

// What reports call a lock.
struct LockTag {
  uint32_t id;               // 3 for "L3"
  char name[kLockNameSize];  // empty if the program named it not
};

// Of the lock that is at this address now. Its id is given out at the first question, and is its own until it is destroyed,
// or made anew, or the table needs its place.
LockTag lock_tag(uintptr_t address);
LockTag lock_tag_at_once(uintptr_t address);  // hot context: waits for nobody
uint32_t lock_id(uintptr_t address);

// Brings the name up to date if the lock at this address is still the one that the tag is of.
void refresh_lock_name(uintptr_t address, LockTag& tag);

void set_lock_name(uintptr_t address, const char* name);

// The lock's own limit, or `usual_ns` if it has none.
uint64_t lock_limit_ns(uintptr_t address, uint64_t usual_ns);
void set_lock_limit_ns(uintptr_t address, uint64_t limit_ns);
inline constexpr uint64_t kUsualLimit = UINT64_MAX;  // for set_lock_limit_ns: as if it had none

// The smallest limit that any lock was given, UINT64_MAX if none was.
uint64_t smallest_lock_limit_ns();

// The lock is destroyed, or one is made there: what is at its address next is another lock.
void forget_lock(uintptr_t address);

// In the child after fork: what another thread was changing just then is not finished.
void lock_registry_after_fork();

}  // namespace holdwatch
