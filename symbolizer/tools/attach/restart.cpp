// See restart.h.
#include "symbolizer/tools/attach/restart.h"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <iterator>

#include "shim/common/kernel/system_call_numbers.h"
#include "symbolizer/tools/attach/resumed_call.h"

namespace holdwatch::attach {
namespace {

// What the kernel leaves in rax for a call that it will restart (include/linux/errno.h): never visible to a program.
constexpr long kRestartAlways = -512, kRestartNoInterrupt = -513, kRestartNoHandler = -514, kRestartBlock = -516;
constexpr size_t kInstructionSize = 2;  // of both instructions that make system calls

bool is_in_call(const user_regs_struct& registers) {
  return static_cast<long>(registers.orig_rax) >= 0;
}

bool kernel_goes_on(const user_regs_struct& registers) {
  const auto result = static_cast<long>(registers.rax);
  return result == kRestartAlways || result == kRestartNoInterrupt || result == kRestartNoHandler ||
         result == kRestartBlock;
}

// Calls that the kernel ends with EINTR at any interruption, even if no signal is handled, and that have done nothing
// by then: made again, they continue to wait.
bool was_ended_in_vain(const user_regs_struct& registers) {
  static constexpr long kCalls[] = {SYS_epoll_wait, SYS_epoll_pwait, SYS_rt_sigtimedwait, SYS_semop,
                                    SYS_semtimedop, SYS_accept,      SYS_accept4,         SYS_recvfrom,
                                    SYS_recvmsg,    SYS_read,        SYS_sendto,          SYS_sendmsg,
                                    SYS_write,      SYS_epoll_pwait2};
  return static_cast<long>(registers.rax) == -EINTR &&
         std::find(std::begin(kCalls), std::end(kCalls), static_cast<long>(registers.orig_rax)) != std::end(kCalls);
}

bool was_made_by_syscall(const user_regs_struct& registers, MemoryReader& memory) {
  const auto code = memory.read_value<uint16_t>(registers.rip - kInstructionSize);
  return code && *code == 0x050f;
}

user_regs_struct interrupted(user_regs_struct registers) {
  registers.rax = static_cast<unsigned long long>(-EINTR);
  registers.orig_rax = ~0ull;
  return registers;
}

user_regs_struct made_again(user_regs_struct registers) {
  registers.rip -= kInstructionSize;
  registers.rax = registers.orig_rax;
  registers.orig_rax = ~0ull;
  return registers;
}

}  // namespace

bool can_go_on(const user_regs_struct& stopped) {
  return is_in_call(stopped) && (kernel_goes_on(stopped) || was_ended_in_vain(stopped));
}

user_regs_struct to_go_on(const user_regs_struct& stopped, bool signals_pending, MemoryReader& memory) {
  const bool again =
      is_in_call(stopped) && was_ended_in_vain(stopped) && !signals_pending && was_made_by_syscall(stopped, memory);
  return again ? made_again(stopped) : stopped;
}

user_regs_struct to_begin_again(const user_regs_struct& stopped, bool signals_pending, MemoryReader& memory) {
  if (!is_in_call(stopped) || !kernel_goes_on(stopped)) return to_go_on(stopped, signals_pending, memory);
  // A pending signal must end these calls; if it were delivered before the call is made again, it would not.
  const auto result = static_cast<long>(stopped.rax);
  if (signals_pending && (result == kRestartNoHandler || result == kRestartBlock)) return interrupted(stopped);
  if (static_cast<long>(stopped.orig_rax) != SYS_restart_syscall) return made_again(stopped);
  user_regs_struct original = stopped;
  original.orig_rax = static_cast<unsigned long long>(resumed_call_number(stopped, memory));
  return is_in_call(original) ? made_again(original) : interrupted(stopped);
}

}  // namespace holdwatch::attach
