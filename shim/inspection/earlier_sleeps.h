// Since when threads have slept that were asleep before this process was attached to. The attaching command has it from
// the scheduler, which shows that to other processes only, and writes it here (common/contract/control_block.h).
// Cold context (watcher; asleep_since_ns also the reporter).
#pragma once

#include <cstdint>

#include "shim/common/contract/control_block.h"

namespace holdwatch {

// Where the command writes.
EarlierSleep* room_for_earlier_sleeps();

// The command has written so many, and their ages count from now.
void take_earlier_sleeps(uint64_t count);

// CLOCK_MONOTONIC. 0: it is not known, or the thread has run since.
uint64_t asleep_since_ns(int tid);

void forget_earlier_sleeps();

}  // namespace holdwatch
