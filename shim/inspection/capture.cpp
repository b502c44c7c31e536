// Where another thread is: the policy. Reads the thread's files in /proc, and samples it through the mailbox only if they
// show it running for some time.
// Cold context (the reporter thread). Uses neither records nor symbols; never allocates.
#include "shim/inspection/capture.h"

#include <sys/syscall.h>
#include <time.h>

#include <atomic>
#include <cerrno>
#include <cstring>

#include "shim/base/clock.h"
#include "shim/base/libc_functions.h"
#include "shim/common/contract/settings.h"
#include "shim/common/kernel/system_call.h"
#include "shim/common/text/text_buffer.h"
#include "shim/inspection/local_memory.h"
#include "shim/inspection/mailbox.h"
#include "shim/inspection/task_files.h"
#include "shim/own_threads/seccomp_state.h"
#include "shim/own_threads/standard_error.h"

namespace holdwatch {
namespace {

constexpr uint64_t kTimeoutNs = 50'000'000;
constexpr uint64_t kBetweenLooksNs = 200'000;
// Processor time between two readings after which a thread has certainly left the system call from which it was woken.
constexpr uint64_t kRanEnoughNs = 20'000;

unsigned char g_blocked_copy[65536];

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

// The state as far as it can be known without /proc. A filter of the program may make this call fail too.
ThreadState state_by_clock(int tid) {
  const uint64_t before_ns = processor_ns(tid);
  wait_for_next_look();
  uint64_t now_ns = 0;
  const long error = read_processor_clock(tid, &now_ns);
  if (error != 0) return error == -EINVAL || error == -ESRCH ? ThreadState::gone : ThreadState::unknown;
  return now_ns >= before_ns + kRanEnoughNs ? ThreadState::running : ThreadState::blocked;
}

// A stack pointer beyond the thread's stack means that the thread is on another stack, whose end is not known.
void distrust_foreign_stack(Snapshot* out) {
  if (out->registers.sp >= out->stack_end) out->stack_end = 0;
}

// Explains a read that failed. Returns false, for the snapshot is empty.
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

// True if the thread has not moved since the snapshot.
bool has_stayed(const Snapshot& snapshot) {
  const TaskState task = read_task(snapshot.tid);
  return task.succeeded() && task.syscall_error == 0 && !task.runs() && task.status.switches() == snapshot.switches &&
         task.syscall.sp == snapshot.registers.sp && task.syscall.pc == snapshot.registers.ip &&
         task.syscall.call.known == snapshot.call.known && task.syscall.call.number == snapshot.call.number &&
         memcmp(task.syscall.call.arguments, snapshot.call.arguments, sizeof snapshot.call.arguments) == 0;
}

// A thread that blocks for a fraction of a millisecond at a time (small reads, sends, sleeps) is gone before its live
// stack is unwound, but not before the few kilobytes in use are copied. A larger stack is read from the live thread.
void copy_blocked_stack(Snapshot* out) {
  const size_t size = out->stack_end - out->registers.sp;
  if (out->stack_end == 0 || size > sizeof g_blocked_copy) return;
  if (read_local_memory(out->registers.sp, g_blocked_copy, size) != size || !has_stayed(*out)) return;
  out->copy = g_blocked_copy;
  out->copy_address = out->registers.sp;
  out->copy_size = size;
}

// The snapshot of a thread that is not running.
bool take_from_files(const TaskState& task, Snapshot* out) {
  out->state = state_of(task);
  if (out->state == ThreadState::gone) return explain_no_status(ESRCH, out);
  if (task.syscall_error != 0) return explain_no_registers(task.syscall_error, out);
  out->call = task.syscall.call;
  out->in_page_fault = task.syscall.kind == SyscallFile::Kind::blocked_outside && out->state == ThreadState::blocked;
  out->registers.ip = task.syscall.pc;
  out->registers.sp = task.syscall.sp;
  out->registers.known = Registers::kIp | Registers::kSp;
  out->registers.ip_is_exact = true;
  out->switches = task.status.switches();
  out->switches_known = true;
  distrust_foreign_stack(out);
  copy_blocked_stack(out);
  return true;
}

// A signal must not reach a thread that is entering or leaving a blocking call: a call that has transferred some of its
// bytes would return early, and no handler can repair that. So the thread must have run, without ever blocking, since
// the first reading.
bool ran_throughout(const TaskState& since, const TaskState& now) {
  return since.status.voluntary_switches == now.status.voluntary_switches &&
         now.processor_ns >= since.processor_ns + kRanEnoughNs;
}

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

bool explain_no_sample(const char* reason, Snapshot* out) {
  TextBuffer(out->why_short, sizeof out->why_short) << "stack not captured: " << reason;
  return false;
}

// The stack to copy: the thread's own at first. A thread that turns out to be on another one (a coroutine's, a signal
// handler's, or its own, grown since) is sampled again, with the memory that is mapped around its stack pointer.
class WantedStack {
 public:
  explicit WantedStack(uintptr_t stack_end) {
    if (stack_end == 0) return;
    range_ = mapped_around(stack_end - 1, MappedAs::stack);
    if (range_.end > stack_end) range_.end = stack_end;
  }

  MemoryRange range() const { return range_; }

  // False if this was tried before.
  bool try_around(uintptr_t sp) {
    if (tried_) return false;
    tried_ = true;
    range_ = mapped_around(sp, MappedAs::stack);
    return true;
  }

 private:
  MemoryRange range_;
  bool tried_ = false;
};

bool explain_failure(SamplingFailure failure, Snapshot* out) {
  if (failure == SamplingFailure::thread_gone) out->state = ThreadState::gone;
  return explain_no_sample(reason_of(failure), out);
}

bool finish_sample(const WantedStack& stack, Snapshot* out) {
  distrust_foreign_stack(out);
  if (out->copy != nullptr) return true;
  const bool is_stack = stack.range().start != stack.range().end;
  explain_no_sample(
      is_stack ? "the thread keeps switching stacks" : "the thread is on a stack that is not private memory", out);
  return true;
}

// A thread under more filters than our own threads has installed one for itself alone.
bool filters_its_own_calls(const StatusFile& status) {
  if (status.seccomp_filters == 0) return false;
  StatusFile own;
  return read_status_file(static_cast<int>(system_call(SYS_gettid)), &own) != 0 ||
         status.seccomp_filters > own.seccomp_filters;
}

SamplingFailure sample(const TaskState& task, MemoryRange stack, Snapshot* out) {
  if (filters_its_own_calls(task.status)) return SamplingFailure::thread_filters_calls;
  return mailbox_sample(out->tid, task.status.blocked_signals, stack, out);
}

// Reads the thread again and again until it is blocked, or has run long enough to be sampled. `since` is the reading from
// which on it has not blocked.
bool capture_running(TaskState since, Snapshot* out) {
  WantedStack stack(out->stack_end);
  bool blocked_between = false;
  uint64_t deadline_ns = monotonic_ns() + kTimeoutNs;
  while (monotonic_ns() < deadline_ns) {
    wait_for_next_look();
    const TaskState now = read_task(out->tid);
    if (!now.succeeded()) return explain_no_status(now.status_error, out);
    out->state = state_of(now);
    if (out->state != ThreadState::running) return take_from_files(now, out);
    if (ran_throughout(since, now)) {
      const SamplingFailure failure = sample(now, stack.range(), out);
      if (failure != SamplingFailure::none) return explain_failure(failure, out);
      if (out->copy != nullptr || !stack.try_around(out->registers.sp)) return finish_sample(stack, out);
      deadline_ns = monotonic_ns() + kTimeoutNs;
    }
    if (now.status.voluntary_switches == since.status.voluntary_switches) continue;
    blocked_between = true;
    since = now;
  }
  return explain_no_sample(blocked_between ? "the thread keeps blocking, each time too briefly to be captured"
                                           : "the thread is runnable, but got no CPU for 50 ms",
                           out);
}

std::atomic<int> g_no_more_of{0};

void begin(int tid, uintptr_t stack_end, Snapshot* out) {
  *out = Snapshot{};
  out->tid = tid;
  out->stack_end = stack_end;
}

bool take(int tid, Snapshot* out) {
  const TaskState task = read_task(tid);
  if (!task.succeeded()) return explain_no_status(task.status_error, out);
  if (state_of(task) != ThreadState::running) return take_from_files(task, out);
  return capture_running(task, out);
}

}  // namespace

bool capture_start(int signal_option) {
  const auto code_around = [](auto* function) {
    return mapped_around(reinterpret_cast<uintptr_t>(function), MappedAs::code);
  };
  const MemoryRange libc_code = code_around(libc().gnu_get_libc_version);
  const bool is_one_library = libc_code.contains(reinterpret_cast<uintptr_t>(libc().pthread_create));
  const MemoryRange thread_code = is_one_library ? MemoryRange{} : code_around(libc().pthread_create);
  if (mailbox_open(signal_option, libc_code, thread_code) || signal_option == kSignalOff) return true;
  Line<kNoteSize> line;
  if (signal_option == kSignalAuto) {
    line << "the program uses every real-time signal: running threads cannot be sampled";
  } else {
    line << "SIGNAL=" << signal_option
         << " is not a real-time signal, or is in use by the program: running threads cannot be sampled";
  }
  print_message(line);
  return false;
}

bool capture_thread(int tid, uintptr_t stack_end, Snapshot* out) {
  begin(tid, stack_end, out);
  if (calls_filtered()) {
    TextBuffer(out->why_short, sizeof out->why_short) << "stack not captured: the program has a seccomp filter";
    return false;
  }
  const bool captured = take(tid, out);
  // Checked afterwards: the thread first sets the flag, then begins to wait.
  if (g_no_more_of.load(std::memory_order_acquire) != tid) return captured;
  begin(tid, stack_end, out);
  TextBuffer(out->why_short, sizeof out->why_short) << "stack not captured: the thread is exiting the process";
  return false;
}

void capture_no_more_of(int tid) {
  g_no_more_of.store(tid, std::memory_order_release);
}

bool capture_samples_under_way() {
  return signals_under_way();
}

bool capture_unchanged(const Snapshot& snapshot) {
  return !snapshot.switches_known || snapshot.copy != nullptr || has_stayed(snapshot);
}

bool capture_lasts(const Snapshot& snapshot) {
  return !snapshot.switches_known || has_stayed(snapshot);
}

void capture_from_call_site(int tid, uintptr_t pc, uintptr_t sp, uintptr_t bp, uintptr_t stack_end, Snapshot* out) {
  *out = Snapshot{};
  out->tid = tid;
  out->state = ThreadState::blocked;
  out->stack_end = stack_end;
  out->registers.ip = pc;
  out->registers.sp = sp;
  out->registers.bp = bp;
  out->registers.known = Registers::kIp | Registers::kSp | Registers::kBp;
  out->registers.ip_is_exact = false;
  distrust_foreign_stack(out);
}

}  // namespace holdwatch
