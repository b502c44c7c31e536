// How cancellation points make their system calls since glibc 2.41, as code and stack of one that was cut short.
#pragma once

#include <sys/syscall.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <vector>

#include "shim/common/glibc/interrupted_call.h"

namespace holdwatch::test {

inline MemoryRange range_of(const std::vector<unsigned char>& bytes) {
  const auto start = reinterpret_cast<uintptr_t>(bytes.data());
  return {start, start + bytes.size()};
}

// glibc 2.41 as Debian 13 has it (libc6 2.41-12): how all cancellation points make their calls. Both functions, with nothing of
// consequence before, between and after.
class CancellableCalls {
 public:
  CancellableCalls() : bytes_(1024, 0x90) {
    const int32_t distance =
        static_cast<int32_t>(kArch) - static_cast<int32_t>(kCaller + sizeof kCallerCode - kAfterCall);
    std::memcpy(&bytes_[kArch], kArchCode, sizeof kArchCode);
    std::memcpy(&bytes_[kCaller], kCallerCode, sizeof kCallerCode);
    std::memcpy(&bytes_[kCaller + sizeof kCallerCode - kAfterCall - 4], &distance, sizeof distance);
    stack_[0] = range().start + kCaller + sizeof kCallerCode - kAfterCall;  // the way back
    stack_[5] = SYS_poll;
  }

  MemoryRange range() const { return range_of(bytes_); }
  CallRegisters cut_short_in_arch() const {
    const uintptr_t ip = range().start + kArch + sizeof kArchCode - 1;
    return {ip, -EINTR, ip, reinterpret_cast<uintptr_t>(stack_), 0};
  }
  // The other way, for a thread that cannot be cancelled: 0x10 above its stack pointer.
  CallRegisters cut_short_in_caller() const {
    const uintptr_t ip = range().start + kCaller + sizeof kCallerCode - 2;
    return {ip, -EINTR, ip, reinterpret_cast<uintptr_t>(stack_ + 3), 0};
  }
  void spoil_the_load() { bytes_[kCaller + 20] = 0x90; }
  uintptr_t& return_address() { return stack_[0]; }

 private:
  static constexpr size_t kArch = 512, kCaller = 256, kAfterCall = 33;
  static constexpr unsigned char kArchCode[] = {0x8b, 0x07, 0xf6, 0x07, 0x08, 0x0f, 0x85, 0xd5, 0x4b, 0xff, 0xff, 0x49,
                                                0x89, 0xfb, 0x48, 0x89, 0xf0, 0x48, 0x89, 0xd7, 0x48, 0x89, 0xce, 0x4c,
                                                0x89, 0xc2, 0x4d, 0x89, 0xca, 0x4c, 0x8b, 0x44, 0x24, 0x08, 0x4c, 0x8b,
                                                0x4c, 0x24, 0x10, 0x4c, 0x89, 0x5c, 0x24, 0x08, 0x0f, 0x05, 0xc3};
  static constexpr unsigned char kCallerCode[] = {0x41, 0x51, 0x4c, 0x8d, 0x9b, 0x08, 0x03, 0x00, 0x00,
                                                  0x49, 0x89, 0xc9, 0x48, 0x89, 0xf1, 0x41, 0x50,  // pushes and moves
                                                  0x48, 0x8b, 0x74, 0x24, 0x20,  // mov 0x20(%rsp),%rsi
                                                  0x49, 0x89, 0xd0, 0x48, 0x89, 0xfa, 0x4c, 0x89, 0xdf,  // moves
                                                  0xe8, 0x00, 0x00, 0x00, 0x00,  // call __syscall_cancel_arch
                                                  0x8b, 0x93, 0x08, 0x03, 0x00, 0x00, 0x59, 0x5e, 0x48,
                                                  0x83, 0xf8, 0xfc, 0x74, 0x1a, 0x5b, 0xc3, 0x0f, 0x1f,
                                                  0x84, 0x00, 0x00, 0x00, 0x00, 0x00, 0x48, 0x8b, 0x44,
                                                  0x24, 0x10, 0x0f, 0x05, 0x5b, 0xc3};  // mov 0x10(%rsp),%rax; syscall

  std::vector<unsigned char> bytes_;
  uintptr_t stack_[8] = {};
};

}  // namespace holdwatch::test
