// See brief_stop.h. Uses PTRACE_SEIZE and PTRACE_INTERRUPT instead of PTRACE_ATTACH: no SIGSTOP that the process, its
// parent or its shell could see.
//
// A thread that was running may have entered a system call before the stop. Most calls continue afterwards as if
// nothing had happened; epoll_wait, semop and a few others return -EINTR even for a stop without a signal. Such a call
// is restarted by setting the registers: it has done nothing yet, and its timeout is extended only by the time since we
// saw the thread running.
#include "symbolizer/tools/inspect/brief_stop.h"

#include <sched.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/time.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>

#include "shim/common/kernel/system_call_numbers.h"
#include "shim/common/proc/thread_files.h"
#include "symbolizer/proc/proc_text.h"
#include "symbolizer/tools/inspect/stack_copy.h"
#include "symbolizer/unwind/user_registers.h"

namespace holdwatch {
namespace {

constexpr long kTimeoutUs = 200'000;
constexpr int kMaxTimeouts = 25;  // on a machine that is too busy to let it stop
constexpr unsigned long long kSyscallLength = 2;

uint64_t monotonic_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

void explain(Snapshot& snapshot, const std::string& why) {
  std::snprintf(snapshot.why_short, sizeof snapshot.why_short, "stack not captured: %s", why.c_str());
}

void do_nothing(int) {}

// Makes waitpid return after a timeout, and gives this process real-time priority while a thread is stopped.
class Haste {
 public:
  Haste() {
    struct sigaction action {};
    action.sa_handler = do_nothing;  // without SA_RESTART
    sigaction(SIGALRM, &action, &old_action_);
    const itimerval timeout = {{0, kTimeoutUs}, {0, kTimeoutUs}};
    setitimer(ITIMER_REAL, &timeout, nullptr);
    const sched_param first = {1};
    is_first_ = sched_setscheduler(0, SCHED_FIFO, &first) == 0;
  }
  ~Haste() {
    const itimerval none{};
    const sched_param usual{};
    if (is_first_) sched_setscheduler(0, SCHED_OTHER, &usual);
    setitimer(ITIMER_REAL, &none, nullptr);
    sigaction(SIGALRM, &old_action_, nullptr);
  }
  Haste(const Haste&) = delete;
  Haste& operator=(const Haste&) = delete;

 private:
  struct sigaction old_action_ {};
  bool is_first_ = false;
};

bool is_uninterruptible(pid_t tid) {
  StatusFile status;
  return parse_status(read_text(process_file(tid, "status")), &status) && status.state == 'D';
}

// Waits for the stop. Returns the wait status, 0 if the thread did not stop in time or has exited. One in an uninterruptible sleep
// does not stop; any other does when it gets a processor, and would then stay stopped until we exit.
int wait_for_stop(pid_t tid) {
  for (int timeout = 0; timeout < kMaxTimeouts; ++timeout) {
    int status = 0;
    const pid_t changed = waitpid(tid, &status, __WALL);
    if (changed == tid) return WIFSTOPPED(status) ? status : 0;
    if (errno != EINTR || is_uninterruptible(tid)) break;
  }
  return 0;
}

// The signal that was being delivered when the thread stopped, which must not be lost; 0 if it stopped for us.
int signal_on_its_way(int status) {
  return status >> 16 == 0 ? WSTOPSIG(status) : 0;
}

// Whether an unblocked signal is pending for the thread: then that signal may be the reason for EINTR.
bool has_signal_waiting(pid_t tid) {
  const std::string status = read_text(process_file(tid, "status"));
  return (pending_signals(status) & ~status_mask(status, "SigBlk").value_or(0)) != 0;
}

bool may_begin_again(unsigned long long number) {
  switch (number) {
    case SYS_epoll_wait:
    case SYS_epoll_pwait:
    case SYS_epoll_pwait2:
    case SYS_semop:
    case SYS_semtimedop:
    case SYS_msgrcv:
    case SYS_msgsnd:
    case SYS_io_getevents:
    case SYS_rt_sigtimedwait:
    case SYS_pause:
    case SYS_read:
    case SYS_readv:
    case SYS_recvfrom:
    case SYS_recvmsg:
    case SYS_write:
    case SYS_writev:
    case SYS_sendto:
    case SYS_sendmsg:
    case SYS_accept:
    case SYS_accept4:
      return true;
    default:
      return false;
  }
}

void restart_interrupted_call(pid_t tid, user_regs_struct registers) {
  if (static_cast<long>(registers.rax) != -EINTR || !may_begin_again(registers.orig_rax) || has_signal_waiting(tid)) {
    return;
  }
  registers.rip -= kSyscallLength;
  registers.rax = registers.orig_rax;
  registers.orig_rax = ~0ull;
  ptrace(PTRACE_SETREGS, tid, nullptr, &registers);
}

std::string why_not_seized(int error) {
  if (error == ESRCH) return "the thread has exited";
  if (error == EPERM) return "the thread is running, and is traced by another program or may not be traced";
  return std::string("the thread is running, and cannot be stopped: ") + std::strerror(error);
}

}  // namespace

uint64_t capture_stopped(MemoryReader& memory, const Modules& modules, Capture& out) {
  const pid_t tid = out.snapshot.tid;
  if (ptrace(PTRACE_SEIZE, tid, nullptr, nullptr) != 0) {
    explain(out.snapshot, why_not_seized(errno));
    return 0;
  }
  const Haste haste;
  const uint64_t start_ns = monotonic_ns();
  ptrace(PTRACE_INTERRUPT, tid, nullptr, nullptr);
  const int status = wait_for_stop(tid);
  if (status == 0) {
    // A thread that does not stop cannot be detached from either; that happens when we exit, and has no effect on it
    // before.
    explain(out.snapshot, "the thread does not stop, or has exited");
    return 0;
  }
  user_regs_struct registers{};
  const bool known = ptrace(PTRACE_GETREGS, tid, nullptr, &registers) == 0;
  if (known) {
    out.snapshot.registers = registers_from(registers);
    copy_stack(memory, modules, out);
    if (signal_on_its_way(status) == 0) restart_interrupted_call(tid, registers);
  }
  ptrace(PTRACE_DETACH, tid, nullptr, reinterpret_cast<void*>(static_cast<intptr_t>(signal_on_its_way(status))));
  const uint64_t stopped_ns = monotonic_ns() - start_ns;
  if (!known) explain(out.snapshot, "its registers could not be read");
  return stopped_ns;
}

}  // namespace holdwatch
