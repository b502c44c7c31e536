// When a thread last ran, by the scheduler's own account of it (/proc/PID/task/TID/sched), and how long it has surely been
// asleep since then.
// Pure.
//
// Each processor has a clock of its own for this (rq_clock_task in the kernel). It runs as time does, but stands still while
// a hypervisor lets others run or, in some kernels, while interrupts are served: two of them may be minutes apart. So only a
// difference on one and the same clock says anything, and it is never more than the time that has gone by.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace holdwatch {

struct LastRun {
  uint64_t ran_ns = 0;      // se.exec_start: when it went to sleep, by the clock of the processor that it ran on
  uint64_t settled_ns = 0;  // se.avg.last_update_time: when it left that processor's queue; 0: the kernel does not tell
};

// Nothing if the text of the file does not tell (CONFIG_SCHED_DEBUG).
std::optional<LastRun> parse_last_run(std::string_view sched_file);

// Whether a sleeping thread may have been given to another processor's queue since it ran. Linux from 6.12 on leaves one
// that goes to sleep in the queue for a while (delayed dequeue), and may move it from there.
bool may_move_asleep(std::string_view kernel_release);

// Whether it surely was not: it left the queue the moment it went to sleep.
bool left_queue_at_once(const LastRun& last);

// `now_ns`: what the clocks that it may have run by say now. Less than has gone by: by a thousandth, since they are not set as
// CLOCK_MONOTONIC is, and by what the kernel may have spared itself to look at them (a tick). 0 if nothing is sure.
uint64_t surely_asleep_ns(const LastRun& last, const std::vector<uint64_t>& now_ns);

}  // namespace holdwatch
