// See interrupted_call.h.
//
// Why this is needed. A sample is asked only of a thread that was just seen running, but it may enter a blocking call
// before the signal arrives. SA_RESTART lets the kernel repeat read, accept and the like; poll, nanosleep, epoll_wait and
// others fail with EINTR after any handler whatever its flags (signal(7)), and the program would see an error that it
// would not have seen without us.
//
// Why it is sound. The x86_64 kernel shows the handler such a call as ax == -EINTR and ip just behind the instruction;
// `syscall` itself left ip in cx too, and user code has run no instruction since, for the first thing that it does to ax
// is to look at it. Every call in kMayBeginAgain that returns EINTR has done nothing yet, or has written back how much
// time is left (select, and nanosleep into its own argument). A relative time-out begins anew, and is late by the time
// between the two: that from the look at the thread to the signal, for before that it was running.
//
// When it is not used: outside libc's own code, because only there is the way a number gets into eax known and tested
// (the unit test reads every `syscall` of the running libc); for a number that was computed, as in syscall(2); and, in
// the mailbox, if another handled signal is pending, for that one would have interrupted the call without us as well.
#include "shim/capture/interrupted_call.h"

#include <sys/syscall.h>

#include <cerrno>

namespace holdwatch {
namespace {

constexpr size_t kSyscallLength = 2;  // 0f 05
constexpr size_t kLookBack = 32;

// Not close: after EINTR its descriptor is gone, and may be somebody else's already.
constexpr long kMayBeginAgain[] = {
    SYS_poll,
    SYS_ppoll,
    SYS_select,
    SYS_pselect6,
    SYS_epoll_wait,
    SYS_epoll_pwait,
    SYS_epoll_pwait2,
    SYS_nanosleep,
    SYS_futex,
    SYS_semop,
    SYS_semtimedop,
    SYS_clock_nanosleep,
    SYS_msgrcv,
    SYS_msgsnd,
    SYS_pause,
    SYS_rt_sigsuspend,
    SYS_rt_sigtimedwait,
    SYS_io_getevents,
    // Sockets with SO_RCVTIMEO or SO_SNDTIMEO; EINTR means that no byte was moved.
    SYS_accept,
    SYS_accept4,
    SYS_connect,
    SYS_recvfrom,
    SYS_recvmsg,
    SYS_sendto,
    SYS_sendmsg,
    SYS_read,
    SYS_readv,
    SYS_write,
    SYS_writev,
};

bool may_begin_again(long number) {
  for (const long allowed : kMayBeginAgain) {
    if (number == allowed) return true;
  }
  return false;
}

// The length of a load of an argument register from the stack that ends at code[end], 0 if there is none:
// [48] 8b MODRM 24 DISP8, mov DISP8(%rsp),%reg, the register not being eax. libc has up to two of them between the
// number and the `syscall`, where it saved its arguments over a call of its own.
size_t argument_load_before(const unsigned char* code, size_t end) {
  if (end < 5) return 0;
  const unsigned char* load = code + end - 4;
  constexpr unsigned char kRegisterBits = 0x38;
  const bool is_load =
      load[0] == 0x8b && (load[1] & ~kRegisterBits) == 0x44 && (load[1] & kRegisterBits) != 0 && load[2] == 0x24;
  if (!is_load) return 0;
  return load[-1] == 0x48 ? 5 : 4;
}

// A REX prefix makes another register of eax: 41 b8 loads r8d, 45 31 c0 clears it. The byte may as well be the end of
// the instruction before; then the number is given up, which costs no more than an EINTR.
bool is_prefix(unsigned char byte) {
  return (byte & 0xf0) == 0x40;
}

}  // namespace

long system_call_before(const unsigned char* code, size_t length) {
  if (length < kSyscallLength || code[length - 2] != 0x0f || code[length - 1] != 0x05) return -1;
  size_t end = length - kSyscallLength;
  while (const size_t load = argument_load_before(code, end)) end -= load;
  if (end >= 3 && code[end - 2] == 0x31 && code[end - 1] == 0xc0 && !is_prefix(code[end - 3]))
    return 0;                        // xor %eax,%eax
  constexpr size_t kMoveLength = 5;  // b8 IMM32, mov $IMM32,%eax
  if (end < kMoveLength + 3) return -1;
  const unsigned char* move = code + end - kMoveLength;
  // Numbers are small: the upper bytes are zero. A c7 two or three bytes back makes b8 the offset in a store of IMM32.
  if (move[0] != 0xb8 || move[3] != 0 || move[4] != 0) return -1;
  if (is_prefix(move[-1]) || move[-2] == 0xc7 || move[-3] == 0xc7) return -1;
  return move[1] | (move[2] << 8);
}

long call_cut_short(const CallRegisters& registers, MemoryRange libc_code) {
  if (registers.ax != -EINTR || registers.cx != registers.ip) return -1;
  if (!libc_code.contains(registers.ip - kSyscallLength) || registers.ip - libc_code.start < kLookBack) return -1;
  const long number = system_call_before(reinterpret_cast<const unsigned char*>(registers.ip - kLookBack), kLookBack);
  return may_begin_again(number) ? number : -1;
}

}  // namespace holdwatch
