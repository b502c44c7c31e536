// See interrupted_call.h.
//
// Why this is needed: only a thread that was just seen running is sampled, but it may enter a blocking call before the
// signal arrives. SA_RESTART makes the kernel restart read, accept and the like; poll, nanosleep, epoll_wait and others
// fail with EINTR after any handler whatever its flags (signal(7)), and the program would see an error that it would
// not have seen without us.
//
// Why it is sound: the x86_64 kernel shows the handler such a call as ax == -EINTR and ip just after the instruction;
// `syscall` itself also left ip in cx, and user code has run no instruction since, because the first thing it does with
// ax is to test it. Every call in kMayBeginAgain that returns EINTR has done nothing yet, or has written back how much
// time is left (select, and nanosleep into its own argument). A relative timeout starts again, and so ends late by the
// time between the last observation of the thread and the signal: at that observation it was still running.
//
// Since glibc 2.41 cancellation points make their calls in one place: __syscall_cancel_arch gets the number in rsi and
// moves it to rax (sysdeps/unix/sysv/linux/x86_64/syscall_cancel.S); its one caller, __internal_syscall_cancel
// (nptl/cancellation.c), has it as an argument on the stack, where it stays. So it is read from there, in the same way
// as the caller's own instruction loads it. With a libc that was compiled differently, no thread is sent a signal.
//
// syscall(2) gets the number as its argument, and does not keep it: our hook of that function has noted it
// (common/glibc/noted_call.h).
//
// When it is not used: outside libc's own code, because only there it is known and tested how a number gets into eax
// (the unit test reads every `syscall` of the running libc); for a number that was computed in another way; and, in our
// signal handler (inspection/mailbox.cpp), if another handled signal is pending, which would have interrupted the call
// without us as well.
#include "shim/common/glibc/interrupted_call.h"

#include <cerrno>
#include <cstring>

#include "shim/common/kernel/system_call_numbers.h"

namespace holdwatch {
namespace {

constexpr size_t kSyscallLength = 2;  // 0f 05
constexpr size_t kLookBack = 32;

// Not close: after EINTR its descriptor is closed, and its number may be in use again.
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
    SYS_futex_waitv,
    SYS_semop,
    SYS_semtimedop,
    SYS_clock_nanosleep,
    SYS_msgrcv,
    SYS_msgsnd,
    SYS_pause,
    SYS_rt_sigsuspend,
    SYS_rt_sigtimedwait,
    SYS_io_getevents,
    // For sockets with SO_RCVTIMEO or SO_SNDTIMEO; EINTR means that no byte was moved.
    SYS_accept,
    SYS_accept4,
    SYS_connect,
    SYS_recvfrom,
    SYS_recvmsg,
    SYS_recvmmsg,
    SYS_sendto,
    SYS_sendmsg,
    SYS_sendmmsg,
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

// The length of an instruction that ends at code[end] and loads an argument register from the stack, 0 if there is
// none: [48] 8b MODRM 24 DISP8, mov DISP8(%rsp),%reg, for registers other than eax. libc has up to two of them between
// the number and the `syscall`, if it saved its arguments across a call of its own.
size_t argument_load_before(const unsigned char* code, size_t end) {
  if (end < 5) return 0;
  const unsigned char* load = code + end - 4;
  constexpr unsigned char kRegisterBits = 0x38;
  const bool is_load =
      load[0] == 0x8b && (load[1] & ~kRegisterBits) == 0x44 && (load[1] & kRegisterBits) != 0 && load[2] == 0x24;
  if (!is_load) return 0;
  return load[-1] == 0x48 ? 5 : 4;
}

// mov DISP8(%rsp),REG or mov DISP8(%rbp),REG at `load`, REG being rax or rsi: where on the stack the number is.
struct StackPlace {
  bool known = false;
  bool from_bp = false;
  size_t offset = 0;
  size_t length = 0;  // of the instruction
};
enum class Loaded : unsigned char { rax = 0x00, rsi = 0x30 };

StackPlace load_before(const unsigned char* end, Loaded into) {
  const auto reg = static_cast<unsigned char>(into);
  if (end[-5] == 0x48 && end[-4] == 0x8b && end[-3] == (0x44 | reg) && end[-2] == 0x24 && end[-1] < 0x80)
    return {true, false, end[-1], 5};
  if (end[-4] == 0x48 && end[-3] == 0x8b && end[-2] == (0x45 | reg) && end[-1] < 0x80) return {true, true, end[-1], 4};
  return {};
}

// The length of an instruction that ends at `end` and leaves rsi and the stack unchanged, 0 if it is another one: a
// move between registers, or lea DISP32(REG),%r8 to %r15.
size_t harmless_before(const unsigned char* end) {
  const unsigned char rex = end[-3], modrm = end[-1];
  const bool is_move = (rex & 0xf8) == 0x48 && end[-2] == 0x89 && modrm >= 0xc0;
  const unsigned target = (modrm & 7u) | ((rex & 1u) << 3);
  constexpr unsigned kRsp = 4, kRsi = 6;
  if (is_move && target != kRsp && target != kRsi) return 3;
  return (end[-7] & 0xfc) == 0x4c && end[-6] == 0x8d && (end[-5] & 0xc0) == 0x80 && (end[-5] & 7) != kRsp ? 7 : 0;
}

// Where a caller of __syscall_cancel_arch keeps the number, relative to its stack pointer at the call instruction
// `call`.
StackPlace number_at_call(const unsigned char* call) {
  size_t pushed = 0;
  for (int instructions = 0; instructions < 12; ++instructions) {
    if (const StackPlace load = load_before(call, Loaded::rsi); load.known)
      return {true, load.from_bp, load.offset + (load.from_bp ? 0 : pushed), load.length};
    if (const size_t length = harmless_before(call); length != 0) {
      call -= length;
    } else if (call[-2] == 0x41 && call[-1] >= 0x50 && call[-1] <= 0x57) {  // push %r8 to %r15
      call -= 2;
      pushed += sizeof(uintptr_t);
    } else {
      return {};
    }
  }
  return {};
}
constexpr size_t kMaxBeforeCall = 12 * 7 + 7;

// __syscall_cancel_arch, from where it loads the number to the call.
constexpr unsigned char kCancelArch[] = {0x48, 0x89, 0xf0, 0x48, 0x89, 0xd7, 0x48, 0x89, 0xce, 0x4c, 0x89, 0xc2, 0x4d,
                                         0x89, 0xca, 0x4c, 0x8b, 0x44, 0x24, 0x08, 0x4c, 0x8b, 0x4c, 0x24, 0x10};
constexpr unsigned char kKeepsFlags[] = {0x4c, 0x89, 0x5c, 0x24, 0x08};  // mov %r11,0x8(%rsp)
constexpr size_t kCancelArchLength = sizeof kCancelArch + sizeof kKeepsFlags + kSyscallLength;
constexpr size_t kCancelArchStart = 64;  // the function begins at most this far before its call

bool is_cancel_arch(const unsigned char* end) {
  const unsigned char* at = end - kSyscallLength;
  if (at[0] != 0x0f || at[1] != 0x05) return false;
  if (memcmp(at - sizeof kKeepsFlags, kKeepsFlags, sizeof kKeepsFlags) == 0) at -= sizeof kKeepsFlags;
  return memcmp(at - sizeof kCancelArch, kCancelArch, sizeof kCancelArch) == 0;
}

constexpr size_t kCallLength = 5;  // e8 REL32

bool is_call_of(const unsigned char* call, const unsigned char* function_end) {
  if (call[0] != 0xe8) return false;
  int32_t distance;
  memcpy(&distance, call + 1, sizeof distance);
  const auto target = reinterpret_cast<uintptr_t>(call) + kCallLength + static_cast<uintptr_t>(intptr_t{distance});
  const auto end = reinterpret_cast<uintptr_t>(function_end);
  return target < end && end - target <= kCancelArchStart;
}

long word_at(const StackPlace& place, uintptr_t sp, uintptr_t bp) {
  return *reinterpret_cast<const long*>((place.from_bp ? bp : sp) + place.offset);
}

// The number of a call that was not a constant, read from where the preceding code loaded it; -1 if not known.
long number_on_stack(const CallRegisters& registers, MemoryRange libc_code) {
  const auto* end = reinterpret_cast<const unsigned char*>(registers.ip);
  if (const StackPlace place = load_before(end - kSyscallLength, Loaded::rax); place.known)
    return word_at(place, registers.sp, registers.bp);
  if (!is_cancel_arch(end)) return -1;
  const uintptr_t back = *reinterpret_cast<const uintptr_t*>(registers.sp);
  if (!libc_code.contains(back) || back - libc_code.start < kCallLength + kMaxBeforeCall) return -1;
  const auto* call = reinterpret_cast<const unsigned char*>(back - kCallLength);
  const StackPlace place = is_call_of(call, end) ? number_at_call(call) : StackPlace{};
  return place.known ? word_at(place, registers.sp + sizeof(uintptr_t), registers.bp) : -1;
}

// syscall(2), from where it loads the number to the call (sysdeps/unix/sysv/linux/x86_64/syscall.S).
constexpr unsigned char kSyscallFunction[] = {0x48, 0x89, 0xf8, 0x48, 0x89, 0xf7, 0x48, 0x89, 0xd6,
                                              0x48, 0x89, 0xca, 0x4d, 0x89, 0xc2, 0x4d, 0x89, 0xc8,
                                              0x4c, 0x8b, 0x4c, 0x24, 0x08, 0x0f, 0x05};
static_assert(sizeof kSyscallFunction <= kLookBack);

// The number of a call made by syscall(2), as our hook noted it; -1 if not known.
long number_noted(const CallRegisters& registers) {
  const auto* end = reinterpret_cast<const unsigned char*>(registers.ip);
  if (memcmp(end - sizeof kSyscallFunction, kSyscallFunction, sizeof kSyscallFunction) != 0) return -1;
  const NotedCall& noted = registers.noted;
  const bool is_of_this_call = noted.sp == registers.sp && noted.first == registers.di && noted.second == registers.si;
  return is_of_this_call ? static_cast<long>(noted.number) : -1;
}

// With a REX prefix, eax becomes another register: 41 b8 loads r8d, 45 31 c0 clears it. The byte may also be the end of
// the preceding instruction; then the number counts as unknown, which costs only an EINTR.
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
  long number = system_call_before(reinterpret_cast<const unsigned char*>(registers.ip - kLookBack), kLookBack);
  if (number < 0) number = number_on_stack(registers, libc_code);
  if (number < 0) number = number_noted(registers);
  return may_begin_again(number) ? number : -1;
}

namespace {

// Whether every call of the function that returns at `end` shows where its caller keeps the number, and every `syscall`
// nearby does too: a caller whose thread cannot be cancelled makes the system call itself.
bool all_callers_are_known(MemoryRange code, const unsigned char* end) {
  constexpr size_t kNearby = 128;
  const auto* const first = reinterpret_cast<const unsigned char*>(code.start) + kNearby;
  const auto* const last = reinterpret_cast<const unsigned char*>(code.end) - kNearby;
  bool found = false;
  for (const unsigned char* call = first; call < last; ++call) {
    if (!is_call_of(call, end)) continue;
    if (!number_at_call(call).known) return false;
    for (const unsigned char* at = call - kNearby; at < call + kNearby; ++at) {
      const bool is_known = at[0] != 0x0f || at[1] != 0x05 || is_cancel_arch(at + kSyscallLength) ||
                            load_before(at, Loaded::rax).known ||
                            system_call_before(at + kSyscallLength - kLookBack, kLookBack) >= 0;
      if (!is_known) return false;
    }
    found = true;
  }
  return found;
}

}  // namespace

bool can_distinguish_calls(MemoryRange libc_code) {
  if (libc_code.end - libc_code.start < kCancelArchLength) return false;
  const auto* const last = reinterpret_cast<const unsigned char*>(libc_code.end);
  for (auto* end = reinterpret_cast<const unsigned char*>(libc_code.start) + kCancelArchLength; end <= last; ++end)
    if (is_cancel_arch(end)) return all_callers_are_known(libc_code, end);
  return false;
}

}  // namespace holdwatch
