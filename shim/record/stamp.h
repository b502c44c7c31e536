// The time that a lock call notes on its slow way: the tick, or where lock calls are few the clock's.
// Hot context; no lock. The clock is read by the vDSO; under a filter of system calls it is not, for some kernels' clocks need
// one.
//
// A tick dates a lock call to within the watcher's sleep. A process that makes few lock calls would pay more for the
// watcher's wake-ups than for reading the clock in each call; and its stamps are exact.
#pragma once

#include <cstdint>

#include "shim/base/clock_line.h"

namespace holdwatch {

// The stamp of a call on its slow way, which may be the last tick all the same.
[[gnu::noinline]] uint64_t stamp_slow();

// The clock's time, instead of `stamp`, which may be exact already; `stamp` itself before the watch, and where the clock must not
// be read.
uint64_t exact_stamp(uint64_t stamp);

// So many stamps may be exact from now on: where calls become many, the rest finds a tick again, if on the slow way. Watcher only.
void allow_exact_stamps(uint64_t most);

// How many stamps were exact since the last question. Watcher only.
uint32_t take_exact_stamps();

}  // namespace holdwatch
