// See capture_failure.h.
// Cold context (the reporter thread).
#include "shim/inspection/capture_failure.h"

#include <cerrno>

#include "shim/common/text/text_buffer.h"
#include "shim/inspection/task_files.h"
#include "shim/inspection/task_state.h"

namespace holdwatch {
namespace {

const char* reason_of(SamplingFailure failure) {
  switch (failure) {
    case SamplingFailure::none:
      return "";
    case SamplingFailure::switched_off:
      return "running threads are not sampled (SIGNAL=off)";
    case SamplingFailure::calls_are_hidden:
      return "the thread is running, and with this libc holdwatch cannot tell which system call a signal would "
             "interrupt";
    case SamplingFailure::no_signal_free:
      return "the thread is running, and the program uses every real-time signal, so none is left to sample it";
    case SamplingFailure::thread_filters_calls:
      return "the thread is running, and has a seccomp filter of its own";
    case SamplingFailure::thread_blocks_signal:
      return "the thread is running, and blocks the sampling signal";
    case SamplingFailure::thread_gone:
      return "thread exited";
    case SamplingFailure::not_queued:
      return "the thread is running, and the kernel cannot queue more signals (RLIMIT_SIGPENDING)";
    case SamplingFailure::not_in_time:
      return "the thread is runnable, but got no CPU for 50 ms";
    case SamplingFailure::still_writing:
      return "another thread was stopped while it was being sampled";
  }
  return "";
}

}  // namespace

bool explain_no_status(int error, Snapshot* out) {
  TextBuffer why(out->why_short, sizeof out->why_short);
  const bool not_there = error == ENOENT || error == ESRCH;
  if (not_there && proc_shows_us()) {
    out->state = ThreadState::gone;
    why << "stack not captured: thread exited";
    return false;
  }
  out->state = state_by_clock(out->tid);
  if (not_there) {
    why << "stack not captured: /proc is not mounted, or shows another PID namespace";
  } else {
    why << "stack not captured: /proc/self/task/" << out->tid << "/status cannot be read (errno " << error << ')';
  }
  return false;
}

bool explain_no_registers(int error, Snapshot* out) {
  TextBuffer why(out->why_short, sizeof out->why_short);
  if (error == EACCES || error == EPERM) {
    why << "stack not captured: permission denied for /proc/self/task/" << out->tid
        << "/syscall: the process changed its user or is not dumpable";
  } else {
    why << "stack not captured: /proc/self/task/" << out->tid << "/syscall cannot be read (errno " << error << ')';
  }
  return false;
}

bool explain_no_capture(const char* reason, Snapshot* out) {
  TextBuffer(out->why_short, sizeof out->why_short) << "stack not captured: " << reason;
  return false;
}

bool explain_no_capture(SamplingFailure failure, Snapshot* out) {
  if (failure == SamplingFailure::thread_gone) out->state = ThreadState::gone;
  return explain_no_capture(reason_of(failure), out);
}

}  // namespace holdwatch
