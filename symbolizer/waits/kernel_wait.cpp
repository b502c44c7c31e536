// See kernel_wait.h.
#include "symbolizer/waits/kernel_wait.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <string>

#include "symbolizer/waits/file_locks.h"

namespace holdwatch {
namespace {

int descriptor_of(const SystemCall& call) {
  return static_cast<int>(static_cast<uint32_t>(call.arguments[0]));
}

// read and the like wait for a pipe or a socket, a terminal, a disk ...
Wait read_file_wait(const SystemCall& call, const CallContext& context) {
  const std::string link = context.files.descriptor_link(descriptor_of(call)).value_or("");
  if (link.starts_with("pipe:")) return wait_of_kind(WaitKind::pipe);
  return wait_of_kind(link.starts_with("socket:") ? WaitKind::socket : WaitKind::other);
}

Wait wait_for_child(long id) {
  Wait wait = wait_of_kind(WaitKind::child);
  const auto pid = static_cast<int>(id);
  if (pid > 0) wait.enders[wait.ender_count++] = {pid, pid, Evidence::stated, {}};
  return wait;
}

Wait wait_for_file_lock(const SystemCall& call, const CallContext& context) {
  Wait wait = wait_of_kind(WaitKind::file_lock);
  for (const int pid : holders_of_file_lock(call, context)) {
    if (wait.ender_count < kMaxEnders) wait.enders[wait.ender_count++] = {pid, pid, Evidence::stated, {}};
  }
  return wait;
}

bool is_lock_command(uint64_t command) {
  return command == F_SETLKW || command == F_OFD_SETLKW;
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
    case SYS_write:
    case SYS_writev:
    case SYS_sendto:
    case SYS_sendmsg:
    case SYS_recvfrom:
    case SYS_recvmsg:
    case SYS_sendfile:
      return read_file_wait(call, context);
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
    case SYS_clock_nanosleep:
      return wait_of_kind(WaitKind::sleep);
    case SYS_poll:
    case SYS_ppoll:
    case SYS_select:
    case SYS_pselect6:
    case SYS_epoll_wait:
    case SYS_epoll_pwait:
      return wait_of_kind(WaitKind::poll);
    default:
      return wait_of_kind(WaitKind::other);
  }
}

}  // namespace holdwatch
