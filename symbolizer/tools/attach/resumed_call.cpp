// See resumed_call.h. The sampling handler reads such numbers in its own process
// (shim/common/glibc/interrupted_call.h); here that code reads copies of the code and stack of the other process, in
// which the stack's return address is changed to point into the copied code.
#include "symbolizer/tools/attach/resumed_call.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <vector>

#include "shim/common/glibc/interrupted_call.h"
#include "shim/common/kernel/system_call_numbers.h"

namespace holdwatch::attach {
namespace {

// Since glibc 2.41 the caller of the function that makes the system call has the number; it is elsewhere in libc.
constexpr size_t kMaxDistance = size_t{4} << 20;
constexpr size_t kBefore = 256;  // how far before each place the code is copied

class CodeCopy {
 public:
  // Copies the code that leads to both places.
  CodeCopy(uintptr_t place, uintptr_t other, MemoryReader& memory)
      : start_(std::min(place, other) - kBefore), bytes_(std::max(place, other) - start_) {
    if (memory.read(start_, bytes_.data(), bytes_.size()) != bytes_.size()) bytes_.clear();
  }

  bool is_whole() const { return !bytes_.empty(); }
  // 0 for an address outside the copy.
  uintptr_t at(uintptr_t place) const {
    return place >= start_ && place - start_ <= bytes_.size() ? range().start + (place - start_) : 0;
  }
  MemoryRange range() const {
    const auto start = reinterpret_cast<uintptr_t>(bytes_.data());
    return {start, start + bytes_.size()};
  }

 private:
  uintptr_t start_;
  std::vector<unsigned char> bytes_;
};

CodeCopy copy_code(uintptr_t place, uintptr_t return_trampoline, MemoryReader& memory) {
  const uintptr_t distance = std::max(place, return_trampoline) - std::min(place, return_trampoline);
  if (distance <= kMaxDistance) {
    CodeCopy both(place, return_trampoline, memory);
    if (both.is_whole()) return both;
  }
  return {place, place, memory};
}

// The calls that the kernel resumes in this way (set_restart_fn in its sources). Any other number was misread.
long if_resumed(long number) {
  const bool is_such =
      number == SYS_nanosleep || number == SYS_clock_nanosleep || number == SYS_poll || number == SYS_futex;
  return is_such ? number : -1;
}

}  // namespace

long resumed_call_number(const user_regs_struct& stopped, MemoryReader& memory) {
  // What cannot be read is filled with a value that is not the number of a system call.
  constexpr size_t kReach = 64, kUnknown = 32;
  std::array<uint64_t, kReach + kUnknown> stack;
  stack.fill(~uint64_t{0});
  if (memory.read(stopped.rsp, stack.data(), kReach * sizeof stack[0]) < sizeof stack[0]) return -1;
  const CodeCopy code = copy_code(stopped.rip, stack[0], memory);
  if (!code.is_whole()) return -1;
  stack[0] = code.at(stack[0]);
  const auto sp = reinterpret_cast<uintptr_t>(stack.data());
  const bool has_frame = stopped.rbp >= stopped.rsp && stopped.rbp - stopped.rsp < kReach * sizeof stack[0];
  const uintptr_t bp = sp + (has_frame ? stopped.rbp - stopped.rsp : kReach * sizeof stack[0]);
  const uintptr_t ip = code.at(stopped.rip);
  return if_resumed(call_cut_short({ip, -EINTR, ip, sp, bp}, code.range()));
}

}  // namespace holdwatch::attach
