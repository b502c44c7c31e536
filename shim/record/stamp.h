// The time that a lock call notes on its slow path: the tick, or, if lock calls are few, the clock's time.
// Hot context; no lock. The clock is read through the vDSO; under a system call filter it is not read, because some
// clock sources need a system call.
//
// A tick dates a lock call only to within the watcher's sleep. If a process makes few lock calls, reading the clock in
// each call costs less than waking the watcher for ticks, and is exact.
#pragma once

#include <cstdint>

#include "shim/base/clock_line.h"

namespace holdwatch {

// The stamp of a call on its slow path, which may still be the last tick.
[[gnu::noinline]] uint64_t stamp_slow();

// The clock's time in place of `stamp`, which may be exact already; `stamp` itself before watching begins, and if the
// clock must not be read.
uint64_t exact_stamp(uint64_t stamp);

// This many stamps may be exact from now on: if there are more calls, the rest use the tick again, on the slow path.
// Watcher only.
void allow_exact_stamps(uint64_t most);

// How many stamps were exact since the last call of this function. Watcher only.
uint32_t take_exact_stamps();

}  // namespace holdwatch
