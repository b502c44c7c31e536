// What a thread of this process is doing, at one reading of its files in /proc, or by its clock.
// Cold context; no allocation.
#pragma once

#include <cstdint>

#include "shim/common/contract/finding.h"
#include "shim/common/proc/thread_files.h"

namespace holdwatch {

// One reading of a thread's files in /proc.
struct TaskState {
  StatusFile status;
  SyscallFile syscall;
  int status_error = 0;
  int syscall_error = 0;  // usually EACCES: the file belongs to root in a process that is not dumpable
  uint64_t processor_ns = 0;

  bool succeeded() const { return status_error == 0; }
  bool runs() const { return syscall_error == 0 ? syscall.kind == SyscallFile::Kind::running : status.state == 'R'; }
};

TaskState read_task(int tid);

ThreadState state_of(const TaskState& task);

// The state as far as it can be known without /proc. A filter of the program may make the call fail that it needs.
ThreadState state_by_clock(int tid);

// A signal must not reach a thread that is entering or leaving a blocking call: a call that has transferred some of its
// bytes would return early, and no handler can repair that. So the thread must have run, without ever blocking, since
// the first reading.
bool ran_throughout(const TaskState& since, const TaskState& now);

// The pause between two readings.
void wait_for_next_look();

}  // namespace holdwatch
