// See kernel_wait.h.
#include "symbolizer/waits/kernel_wait.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <optional>
#include <string>

#include "symbolizer/activity/times.h"
#include "symbolizer/waits/file_locks.h"
#include "symbolizer/waits/other_end.h"

namespace holdwatch {
namespace {

int descriptor_of(const SystemCall& call) {
  return static_cast<int>(static_cast<uint32_t>(call.arguments[0]));
}

// read and the like wait for a pipe or a socket, a terminal, a disk ...
Wait read_file_wait(const SystemCall& call, bool reads, const CallContext& context) {
  const std::string link = context.files.descriptor_link(descriptor_of(call)).value_or("");
  if (!link.starts_with("pipe:") && !link.starts_with("socket:")) return wait_of_kind(WaitKind::other);
  Wait wait = wait_of_kind(link.starts_with("pipe:") ? WaitKind::pipe : WaitKind::socket);
  const OtherEnd other_end = find_other_end(link, reads, context);
  wait.other_end_is_here = other_end.is_here;
  wait.other_ends = static_cast<uint32_t>(other_end.processes.size());
  if (other_end.processes.size() > kMaxEnders) return wait;
  for (const int pid : other_end.processes) wait.enders[wait.ender_count++] = {pid, pid, Evidence::stated, {}};
  return wait;
}

Wait wait_for_child(long id) {
  Wait wait = wait_of_kind(WaitKind::child);
  const auto pid = static_cast<int>(id);
  if (pid > 0) wait.enders[wait.ender_count++] = {pid, pid, Evidence::stated, {}};
  return wait;
}

// If it is the waiting process itself that has the lock, it is not known which of its threads took it.
Wait wait_for_file_lock(const SystemCall& call, const CallContext& context) {
  Wait wait = wait_of_kind(WaitKind::file_lock);
  FileLockHolders holders = holders_of_file_lock(call, context);
  wait.other_end_is_here = holders.is_here;
  if (holders.is_here) holders.processes.push_back(context.files.is_ours() ? getpid() : context.files.process());
  for (const int pid : holders.processes) {
    if (wait.ender_count < kMaxEnders) wait.enders[wait.ender_count++] = {pid, pid, Evidence::stated, {}};
  }
  return wait;
}

bool is_lock_command(uint64_t command) {
  return command == F_SETLKW || command == F_OFD_SETLKW;
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
      return wait_for_child(static_cast<int>(static_cast<uint32_t>(call.arguments[0])));
    case SYS_waitid:
      return wait_for_child(call.arguments[0] == P_PID ? static_cast<long>(call.arguments[1]) : 0);
    case SYS_flock:
      return wait_for_file_lock(call, context);
    case SYS_fcntl:
      return is_lock_command(call.arguments[1]) ? wait_for_file_lock(call, context) : wait_of_kind(WaitKind::other);
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
