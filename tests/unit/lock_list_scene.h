// Lists of locks for the tests of `holdwatch top`, put together by hand.
#pragma once

#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "shim/common/contract/lock_list.h"

namespace holdwatch {

inline constexpr uint64_t kSecond = 1'000'000'000;

class ListScene {
 public:
  // The holds and waits that follow are those of this lock.
  ListScene& lock(const char* name) {
    ListedLock& lock = list->locks[list->lock_count];
    lock = {};
    lock.id = ++list->lock_count;
    lock.lock = {0x1000u * lock.id, LockKind::mutex};
    strncpy(lock.name, name, sizeof lock.name - 1);
    lock.first_hold = list->hold_count;
    lock.first_wait = list->wait_count;
    return *this;
  }
  ListScene& held_by(int tid, uint64_t held_ns) {
    ListedHold& hold = list->holds[list->hold_count];
    hold = {};
    hold.use = {list->hold_count++, 0, 1};
    hold.tid = tid;
    hold.held_ns = held_ns;
    hold.limit_ns = kSecond;
    hold.depth = hold.site_count = 1;
    ++last().hold_count;
    return *this;
  }
  ListScene& waited_for_by(int tid, uint64_t waited_ns) {
    ListedWait& wait = list->waits[list->wait_count];
    wait = {};
    wait.use = {1000 + list->wait_count++, 0, 1};
    wait.tid = tid;
    wait.waited_ns = waited_ns;
    ++last().wait_count;
    return *this;
  }
  ListedLock& last() { return list->locks[list->lock_count - 1]; }
  ListedHold& last_hold() { return list->holds[list->hold_count - 1]; }

  const std::unique_ptr<LockList> list = std::make_unique<LockList>();
};

}  // namespace holdwatch
