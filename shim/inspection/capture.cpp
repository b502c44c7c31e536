// Where another thread is: the policy. Reads the thread's files in /proc, and samples it through the mailbox only if they
// show it running for some time.
// Cold context (the reporter thread). Uses neither records nor symbols; never allocates.
#include "shim/inspection/capture.h"

#include <sys/syscall.h>

#include <atomic>
#include <cerrno>
#include <cstring>

#include "shim/base/clock.h"
#include "shim/base/libc_functions.h"
#include "shim/common/contract/settings.h"
#include "shim/common/kernel/system_call.h"
#include "shim/common/text/text_buffer.h"
#include "shim/inspection/capture_failure.h"
#include "shim/inspection/local_memory.h"
#include "shim/inspection/mailbox.h"
#include "shim/inspection/task_files.h"
#include "shim/inspection/task_state.h"
#include "shim/own_threads/seccomp_state.h"
#include "shim/own_threads/standard_error.h"

namespace holdwatch {
namespace {

constexpr uint64_t kTimeoutNs = 50'000'000;

unsigned char g_blocked_copy[65536];

// A stack pointer beyond the thread's stack means that the thread is on another stack, whose end is not known.
void distrust_foreign_stack(Snapshot* out) {
  if (out->registers.sp >= out->stack_end) out->stack_end = 0;
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
  out->registers.known = Registers::kIpIsKnown | Registers::kSpIsKnown;
  out->registers.ip_is_exact = true;
  out->switches = task.status.switches();
  out->switches_known = true;
  distrust_foreign_stack(out);
  copy_blocked_stack(out);
  return true;
}

// The stack to copy: the thread's own at first. A thread that turns out to be on another one (a coroutine's, a signal
// handler's, or its own, grown since) is sampled again, with the memory that is mapped around its stack pointer. `seen_sp`: where
// that was before, or 0.
class WantedStack {
 public:
  WantedStack(uintptr_t stack_end, uintptr_t seen_sp) {
    if (stack_end != 0) range_ = mapped_around(stack_end - 1, MappedAs::stack);
    if (range_.end > stack_end) range_.end = stack_end;
    if (seen_sp != 0 && !range_.contains(seen_sp)) range_ = mapped_around(seen_sp, MappedAs::stack);
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

bool finish_sample(const WantedStack& stack, Snapshot* out) {
  distrust_foreign_stack(out);
  if (out->copy != nullptr) return true;
  const bool is_stack = stack.range().start != stack.range().end;
  explain_no_capture(
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
// which on it has not blocked. `seen_sp` as in capture_sample; null: there may be a second signal.
bool capture_running(TaskState since, const uintptr_t* seen_sp, Snapshot* out) {
  WantedStack stack(out->stack_end, seen_sp == nullptr ? 0 : *seen_sp);
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
      if (failure != SamplingFailure::none) return explain_no_capture(failure, out);
      if (out->copy != nullptr || seen_sp != nullptr || !stack.try_around(out->registers.sp))
        return finish_sample(stack, out);
      deadline_ns = monotonic_ns() + kTimeoutNs;
    }
    if (now.status.voluntary_switches == since.status.voluntary_switches) continue;
    blocked_between = true;
    since = now;
  }
  return explain_no_capture(blocked_between ? "the thread keeps blocking, each time too briefly to be captured"
                                            : "the thread is runnable, but got no CPU for 50 ms",
                            out);
}

std::atomic<int> g_no_more_of{0};

void begin(int tid, uintptr_t stack_end, Snapshot* out) {
  *out = Snapshot{};
  out->tid = tid;
  out->stack_end = stack_end;
}

bool take(int tid, const uintptr_t* seen_sp, Snapshot* out) {
  const TaskState task = read_task(tid);
  if (!task.succeeded()) return explain_no_status(task.status_error, out);
  if (state_of(task) != ThreadState::running) return take_from_files(task, out);
  return capture_running(task, seen_sp, out);
}

bool capture(int tid, uintptr_t stack_end, const uintptr_t* seen_sp, Snapshot* out) {
  begin(tid, stack_end, out);
  if (calls_filtered()) return explain_no_capture("the program has a seccomp filter", out);
  const bool captured = take(tid, seen_sp, out);
  // Checked afterwards: the thread first sets the flag, then begins to wait.
  if (g_no_more_of.load(std::memory_order_acquire) != tid) return captured;
  begin(tid, stack_end, out);
  return explain_no_capture("the thread is exiting the process", out);
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
  return capture(tid, stack_end, nullptr, out);
}

bool capture_sample(int tid, uintptr_t stack_end, uintptr_t* seen_sp, Snapshot* out) {
  if (!capture(tid, stack_end, seen_sp, out)) return false;
  if (out->state != ThreadState::running) return true;
  *seen_sp = out->registers.sp;
  return out->copy != nullptr;
}

bool capture_blocked(int tid, uintptr_t stack_end, Snapshot* out) {
  begin(tid, stack_end, out);
  if (calls_filtered()) return false;
  const TaskState task = read_task(tid);
  return task.succeeded() && state_of(task) == ThreadState::blocked && take_from_files(task, out);
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
  out->registers.known = Registers::kIpIsKnown | Registers::kSpIsKnown | Registers::kBpIsKnown;
  out->registers.ip_is_exact = false;
  distrust_foreign_stack(out);
}

}  // namespace holdwatch
