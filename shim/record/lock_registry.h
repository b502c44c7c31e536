// What is known about a lock apart from its holders: its id in reports, and the name and limit that the program gave
// it. A fixed table by address.
// Any thread (the public API, the watcher, the reporter, the release of a hold near its limit). Nothing here waits for
// another thread without a bound: what could not be noted in time is missing.
#pragma once

#include <cstddef>
#include <cstdint>

#include "shim/common/contract/finding.h"

namespace holdwatch {

// How reports refer to a lock.
struct LockTag {
  uint32_t id;               // 3 for "L3"
  char name[kLockNameSize];  // empty if the program did not name it
};

// The tag of the lock that is at this address now. The id is assigned at the first call, and belongs to the lock until
// the lock is destroyed or initialized again, or the table needs the entry for another lock.
LockTag lock_tag(uintptr_t address);
LockTag lock_tag_at_once(uintptr_t address);  // hot context: does not wait
uint32_t lock_id(uintptr_t address);

// Updates the name if the lock at this address is still the one that the tag belongs to.
void refresh_lock_name(uintptr_t address, LockTag& tag);

void set_lock_name(uintptr_t address, const char* name);

// The lock's own limit, or `usual_ns` if it has none.
uint64_t lock_limit_ns(uintptr_t address, uint64_t usual_ns);
void set_lock_limit_ns(uintptr_t address, uint64_t limit_ns);
inline constexpr uint64_t kUsualLimit = UINT64_MAX;  // for set_lock_limit_ns: no limit of its own

// The smallest limit that any lock was given, UINT64_MAX if none was.
uint64_t smallest_lock_limit_ns();

// The lock is being destroyed, or a lock is being initialized at this address: from now on another lock is there.
void forget_lock(uintptr_t address);

// In the child after fork: a change that another thread had begun will never be finished.
void lock_registry_after_fork();

}  // namespace holdwatch
