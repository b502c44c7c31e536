// See checked_list.h.
#include "symbolizer/tools/top/checked_list.h"

#include <algorithm>

namespace holdwatch::top {
namespace {

// An enumeration's or a truth value's byte, which need not be one of its values.
template <typename T>
bool is_at_most(const T& value, T last) {
  static_assert(sizeof value == 1);
  return *reinterpret_cast<const unsigned char*>(&value) <= static_cast<unsigned char>(last);
}

bool is_valid(const ListedHold& hold) {
  return is_at_most(hold.access, Access::shared) && is_at_most(hold.acquired, Acquired::by_its_code) &&
         is_at_most(hold.likely, true) && is_at_most(hold.gone, true);
}

bool is_valid(const ListedWait& wait) {
  return is_at_most(wait.access, Access::shared) && is_at_most(wait.has_timeout, true);
}

bool is_within(uint32_t first, uint32_t count, uint32_t all) {
  return first <= all && count <= all - first;
}

bool is_valid(const LockList& list, const ListedLock& lock) {
  if (!is_at_most(lock.lock.kind, LockKind::condition) || !is_at_most(lock.in_deadlock, true)) return false;
  if (!is_within(lock.first_hold, lock.hold_count, list.hold_count)) return false;
  if (!is_within(lock.first_wait, lock.wait_count, list.wait_count)) return false;
  const ListedHold* const holds = list.holds + lock.first_hold;
  const ListedWait* const waits = list.waits + lock.first_wait;
  return std::all_of(holds, holds + lock.hold_count, [](const ListedHold& hold) { return is_valid(hold); }) &&
         std::all_of(waits, waits + lock.wait_count, [](const ListedWait& wait) { return is_valid(wait); });
}

template <size_t Size>
void end_text(char (&text)[Size]) {
  text[Size - 1] = '\0';
}

}  // namespace

void check_list(LockList& list) {
  if (!is_at_most(list.paused, true)) list.paused = false;
  list.lock_count = std::min<uint32_t>(list.lock_count, kMaxListedLocks);
  list.hold_count = std::min<uint32_t>(list.hold_count, kMaxListedHolds);
  list.wait_count = std::min<uint32_t>(list.wait_count, kMaxListedWaits);
  for (uint32_t i = 0; i < list.hold_count; ++i) {
    end_text(list.holds[i].thread);
    list.holds[i].site_count = std::min<uint32_t>(list.holds[i].site_count, kMaxCallSites);
  }
  ListedLock* const end = std::remove_if(list.locks, list.locks + list.lock_count,
                                         [&](const ListedLock& lock) { return !is_valid(list, lock); });
  list.lock_count = static_cast<uint32_t>(end - list.locks);
  for (uint32_t i = 0; i < list.lock_count; ++i) end_text(list.locks[i].name);
}

}  // namespace holdwatch::top
