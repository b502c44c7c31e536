// When a thread last ran, according to the scheduler (/proc/PID/task/TID/sched), and how long it has certainly been
// asleep since then.
// Pure.
//
// Each processor has its own clock for this (rq_clock_task in the kernel). It advances with real time, but stands still
// while a hypervisor runs other guests or, in some kernels, during interrupts: two of them may be minutes apart. So
// only a difference between two values of the same clock is meaningful, and it is never more than the time that has
// passed.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace holdwatch {

struct LastRun {
  uint64_t ran_ns = 0;      // se.exec_start: when it went to sleep, by the clock of the processor that it ran on
  uint64_t settled_ns = 0;  // se.avg.last_update_time: when it left that processor's queue; 0: not shown by the kernel
};

// Nothing if the file's text does not contain it (needs CONFIG_SCHED_DEBUG).
std::optional<LastRun> parse_last_run(std::string_view sched_file);

// Whether a sleeping thread may have been moved to another processor's queue since it ran. Linux 6.12 and later leave a
// thread that goes to sleep in the queue for a while (delayed dequeue), and may move it from there.
bool may_move_asleep(std::string_view kernel_release);

// Whether it certainly was not moved: it left the queue the moment it went to sleep.
bool left_queue_at_once(const LastRun& last);

// `now_ns`: the current values of the clocks that it may have run by. The result is less than the time that has passed:
// by a thousandth, since these clocks are not adjusted as CLOCK_MONOTONIC is, and by the time for which the kernel may
// not have updated them (a tick). 0 if nothing is certain.
uint64_t surely_asleep_ns(const LastRun& last, const std::vector<uint64_t>& now_ns);

}  // namespace holdwatch
