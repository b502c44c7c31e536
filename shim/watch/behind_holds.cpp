// See behind_holds.h.
#include "shim/watch/behind_holds.h"

#include <algorithm>

namespace holdwatch {
namespace {

uint64_t time_between(uint64_t from_ns, uint64_t until_ns) {
  return until_ns > from_ns ? until_ns - from_ns : 0;
}

}  // namespace

void BehindHold::note_behind(const Identity& by, uint64_t wait_began_ns, uint64_t now_ns) {
  own_ns += time_between(counted_until_ns, std::min(wait_began_ns, now_ns));
  counted_until_ns = now_ns;
  blocker = by;
  is_behind = true;
}

void BehindHold::note_free(uint64_t now_ns) {
  if (!is_behind) own_ns += time_between(counted_until_ns, now_ns);
  counted_until_ns = now_ns;
  is_behind = false;
}

void BehindHold::count_until_end(uint64_t blocker_ended_ns) {
  own_ns += time_between(is_behind ? std::max(counted_until_ns, blocker_ended_ns) : counted_until_ns, end.released_ns);
}

size_t BehindHolds::place_of(const Identity& identity) {
  static_assert(kTable == size_t{1} << (64 - 50));
  return static_cast<size_t>(
      (identity.number << 32 ^ uint64_t{identity.record} << 9 ^ identity.slot) * 0x9E3779B97F4A7C15u >> 50);
}

BehindHold* BehindHolds::find(const Identity& identity) {
  if (count_ == 0) return nullptr;
  for (size_t at = place_of(identity); table_[at] != 0; at = (at + 1) % kTable)
    if (holds_[table_[at] - 1].identity == identity) return &holds_[table_[at] - 1];
  return nullptr;
}

void BehindHolds::enter(uint32_t index) {
  size_t at = place_of(holds_[index].identity);
  while (table_[at] != 0) at = (at + 1) % kTable;
  table_[at] = index + 1;
}

BehindHold* BehindHolds::add(const BehindHold& hold) {
  if (count_ == kMax) return nullptr;
  holds_[count_] = hold;
  enter(static_cast<uint32_t>(count_));
  return &holds_[count_++];
}

void BehindHolds::clear_table() {
  if (count_ > 0) std::fill(table_, table_ + kTable, 0);
}

void BehindHolds::clear() {
  for (BehindHold& hold : *this)
    if (hold.ended != nullptr) free_ended_hold(hold.ended);
  clear_table();
  count_ = 0;
  waits.clear();
}

}  // namespace holdwatch
