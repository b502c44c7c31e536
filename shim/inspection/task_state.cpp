// See task_state.h.
// Cold context (the reporter thread).
#include "shim/inspection/task_state.h"

#include <sys/syscall.h>
#include <time.h>

#include <cerrno>

#include "shim/base/clock.h"
#include "shim/common/kernel/system_call.h"
#include "shim/inspection/task_files.h"

namespace holdwatch {
namespace {

constexpr uint64_t kBetweenLooksNs = 200'000;
// Processor time between two readings after which a thread has certainly left the system call from which it was woken.
constexpr uint64_t kRanEnoughNs = 20'000;

// The processor time of a thread of this process, exact to the moment, unlike /proc's. The clock's number is how the
// kernel encodes "thread TID, scheduler's clock" (include/uapi/linux/time.h, posix-cpu-timers); the calls that make
// such a number take a pthread_t.
// 0, or the error negated: -EINVAL for a thread that has ended.
long read_processor_clock(int tid, uint64_t* out) {
  constexpr int kPerThread = 4;
  constexpr int kSchedulerClock = 2;
  const clockid_t clock = (~tid * 8) | kPerThread | kSchedulerClock;
  timespec now{};
  const long error = system_call(SYS_clock_gettime, clock, &now);
  *out = static_cast<uint64_t>(now.tv_sec) * kNanosecondsPerSecond + static_cast<uint64_t>(now.tv_nsec);
  return error;
}

uint64_t processor_ns(int tid) {
  uint64_t now_ns = 0;
  read_processor_clock(tid, &now_ns);
  return now_ns;
}

}  // namespace

// "status" first: if the thread runs between the two, its switches differ when they are compared later.
TaskState read_task(int tid) {
  TaskState task;
  task.status_error = read_status_file(tid, &task.status);
  if (task.status_error == 0 && !task.status.is_of(tid)) task.status_error = ENOENT;
  if (task.status_error == 0) task.syscall_error = read_syscall_file(tid, &task.syscall);
  if (task.succeeded() && task.runs()) task.processor_ns = processor_ns(tid);
  return task;
}

ThreadState state_of(const TaskState& task) {
  const char letter = task.status.state;
  if (letter == 'Z' || letter == 'X') return ThreadState::gone;
  if (task.runs()) return ThreadState::running;
  return letter == 'T' || letter == 't' ? ThreadState::stopped : ThreadState::blocked;
}

void wait_for_next_look() {
  const timespec pause = {0, kBetweenLooksNs};
  system_call(SYS_nanosleep, &pause, nullptr);
}

ThreadState state_by_clock(int tid) {
  const uint64_t before_ns = processor_ns(tid);
  wait_for_next_look();
  uint64_t now_ns = 0;
  const long error = read_processor_clock(tid, &now_ns);
  if (error != 0) return error == -EINVAL || error == -ESRCH ? ThreadState::gone : ThreadState::unknown;
  return now_ns >= before_ns + kRanEnoughNs ? ThreadState::running : ThreadState::blocked;
}

bool ran_throughout(const TaskState& since, const TaskState& now) {
  return since.status.voluntary_switches == now.status.voluntary_switches &&
         now.processor_ns >= since.processor_ns + kRanEnoughNs;
}

}  // namespace holdwatch
