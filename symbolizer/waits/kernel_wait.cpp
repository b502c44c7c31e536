// See kernel_wait.h.
#include "symbolizer/waits/kernel_wait.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <optional>
#include <string>
#include <vector>

#include "shim/common/proc/thread_files.h"
#include "symbolizer/activity/descriptors.h"
#include "symbolizer/activity/times.h"
#include "symbolizer/proc/proc_text.h"
#include "symbolizer/waits/file_locks.h"
#include "symbolizer/waits/other_end.h"
#include "symbolizer/waits/own_file_lock.h"

namespace holdwatch {
namespace {

int descriptor_of(const SystemCall& call) {
  return static_cast<int>(static_cast<uint32_t>(call.arguments[0]));
}

// read and the like wait for a pipe or a socket, a terminal, a disk ...
Wait read_file_wait(const SystemCall& call, bool reads, const CallContext& context) {
  const int descriptor = descriptor_of(call);
  const std::string link = context.files.descriptor_link(descriptor).value_or("");
  const bool is_socket = link.starts_with("socket:");
  if (!is_socket && !link.starts_with("pipe:") &&
      !is_pipe_with_path(descriptor, link, context.files.text("wchan"), context.files))
    return wait_of_kind(WaitKind::other);
  Wait wait = wait_of_kind(is_socket ? WaitKind::socket : WaitKind::pipe);
  const OtherEnd other_end = find_other_end(descriptor, link, reads, context);
  wait.other_end_is_here = other_end.is_here;
  wait.other_ends = other_end.is_complete ? static_cast<uint32_t>(other_end.processes.size()) : kEndsNotCounted;
  if (wait.other_ends > kMaxEnders) return wait;
  for (const int pid : other_end.processes) wait.enders[wait.ender_count++] = {pid, pid, Evidence::stated, {}};
  return wait;
}

// 0 or less: any one of several.
int child_waited_for(const SystemCall& call) {
  if (call.number == SYS_wait4) return static_cast<int>(static_cast<uint32_t>(call.arguments[0]));
  return call.arguments[0] == P_PID ? static_cast<int>(static_cast<uint32_t>(call.arguments[1])) : 0;
}

// The process's only thread; 0: it has several.
int only_thread_of(int pid) {
  const std::vector<int> threads = threads_of_program(pid);
  return threads.size() == 1 ? threads.front() : 0;
}

// Programs give calls that have no timeout one by alarm or setitimer.
bool may_be_interrupted(const CallContext& context) {
  const auto caught = status_mask(context.files.text("status"), "SigCgt");
  return caught && (*caught >> (SIGALRM - 1) & 1) != 0;
}

Wait wait_for_child(const SystemCall& call, const CallContext& context) {
  Wait wait = wait_of_kind(WaitKind::child);
  wait.may_be_interrupted = may_be_interrupted(context);
  const int pid = child_waited_for(call);
  if (pid <= 0) return wait;
  Ender& ender = wait.enders[wait.ender_count++] = {pid, pid, Evidence::stated, {}};
  if (!waits_for_child(call)) return wait;
  if (const int tid = only_thread_of(pid); tid != 0) ender.tid = tid, ender.only = OnlyThread::proven;
  return wait;
}

bool contains(const std::vector<int>& pids, int pid) {
  return std::find(pids.begin(), pids.end(), pid) != pids.end();
}

// Of the waiting process's own lock: the thread that has it, if there is only one that can.
void name_own_thread(const FileLockHolders& holders, const CallContext& context, Ender& process) {
  if (!contains(holders.alone, process.pid) || !holders.are_alone_for_certain) return;
  std::vector<int> threads = threads_of_program(process.pid);
  if (threads.size() > 1) std::erase(threads, context.files.tid());
  if (threads.size() != 1) return;
  process.pid = 0;
  process.tid = threads.front();
  process.only = OnlyThread::proven;
}

void name_thread(const FileLockHolders& holders, Ender& process) {
  const int tid = contains(holders.alone, process.pid) ? only_thread_of(process.pid) : 0;
  if (tid == 0) return;
  process.tid = tid;
  process.only = holders.are_alone_for_certain ? OnlyThread::proven : OnlyThread::likely;
}

Wait wait_for_file_lock(const SystemCall& call, const CallContext& context) {
  Wait wait = wait_of_kind(WaitKind::file_lock);
  const FileLockHolders holders = holders_of_file_lock(call, context);
  wait.other_end_is_here = holders.is_here;
  wait.other_ends = static_cast<uint32_t>(holders.processes.size());
  wait.may_be_interrupted = may_be_interrupted(context);
  const auto add = [&](int pid) -> Ender& {
    Ender& ender = wait.enders[wait.ender_count++] = {pid, pid, Evidence::stated, {}};
    ender.shares = contains(holders.reading, pid);
    return ender;
  };
  for (const int pid : holders.processes)
    if (wait.ender_count < kMaxEnders) name_thread(holders, add(pid));
  if (holders.is_here && wait.ender_count < kMaxEnders)
    name_own_thread(holders, context, add(context.files.process_id()));
  return wait;
}

// The kernel does not show how much of a relative time is left.
std::optional<uint64_t> clock_sleep_left(const SystemCall& call, const CallContext& context) {
  if ((call.arguments[1] & TIMER_ABSTIME) == 0) return std::nullopt;
  return time_left_until(call.arguments[2], static_cast<clockid_t>(call.arguments[0]), context);
}

Wait sleep_of(std::optional<uint64_t> left_ns) {
  Wait wait = wait_of_kind(WaitKind::sleep);
  wait.has_timeout = true;
  wait.timeout_ns = left_ns.value_or(0);
  return wait;
}

// An int, of which the upper half of the register is no part.
bool waits_for_milliseconds(uint64_t argument) {
  return static_cast<int32_t>(static_cast<uint32_t>(argument)) >= 0;
}

Wait poll_of(bool has_timeout) {
  Wait wait = wait_of_kind(WaitKind::poll);
  wait.has_timeout = has_timeout;
  return wait;
}

}  // namespace

Wait wait_of_kind(WaitKind kind) {
  Wait wait{};
  wait.known = true;
  wait.kind = kind;
  return wait;
}

bool waits_for_file_lock(const SystemCall& call) {
  if (!call.known) return false;
  const bool is_lock_command = call.arguments[1] == F_SETLKW || call.arguments[1] == F_OFD_SETLKW;
  return call.number == SYS_flock || (call.number == SYS_fcntl && is_lock_command);
}

// Not for its being stopped or continued.
bool waits_for_child(const SystemCall& call) {
  if (!call.known || child_waited_for(call) <= 0) return false;
  if (call.number == SYS_wait4) return (call.arguments[2] & (WUNTRACED | WCONTINUED)) == 0;
  return call.number == SYS_waitid && (call.arguments[3] & (WSTOPPED | WCONTINUED)) == 0;
}

Wait read_kernel_wait(const SystemCall& call, const CallContext& context) {
  switch (call.number) {
    case SYS_read:
    case SYS_readv:
    case SYS_recvfrom:
    case SYS_recvmsg:
      return read_file_wait(call, true, context);
    case SYS_write:
    case SYS_writev:
    case SYS_sendto:
    case SYS_sendmsg:
    case SYS_sendfile:
      return read_file_wait(call, false, context);
    case SYS_accept:
    case SYS_accept4:
    case SYS_connect:
      return wait_of_kind(WaitKind::socket);
    case SYS_wait4:
    case SYS_waitid:
      return wait_for_child(call, context);
    case SYS_flock:
    case SYS_fcntl:
      return waits_for_file_lock(call) ? wait_for_file_lock(call, context) : wait_of_kind(WaitKind::other);
    case SYS_nanosleep:
      return sleep_of(std::nullopt);
    case SYS_clock_nanosleep:
      return sleep_of(clock_sleep_left(call, context));
    case SYS_poll:
      return poll_of(waits_for_milliseconds(call.arguments[2]));
    case SYS_ppoll:
      return poll_of(call.arguments[2] != 0);
    case SYS_select:
    case SYS_pselect6:
      return poll_of(call.arguments[4] != 0);
    case SYS_epoll_wait:
    case SYS_epoll_pwait:
      return poll_of(waits_for_milliseconds(call.arguments[3]));
    case SYS_epoll_pwait2:
      return poll_of(call.arguments[3] != 0);
    default:
      return wait_of_kind(WaitKind::other);
  }
}

}  // namespace holdwatch
