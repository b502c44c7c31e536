// The kernel's files about one thread, /proc/PID/task/TID/{syscall,status}, and /proc/PID/stat, as values.
// Any context. Pure: text in, values out; no allocation.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "shim/common/contract/finding.h"

namespace holdwatch {

// The one line of "syscall" (Documentation/filesystems/proc.rst).
struct SyscallFile {
  enum class Kind : uint8_t {
    not_understood,
    running,          // "running"
    in_call,          // "NUMBER ARGUMENT*6 SP PC"
    blocked_outside,  // "-1 SP PC": blocked, but in no system call, a page fault for instance
  };
  Kind kind = Kind::not_understood;
  SystemCall call{};  // known only in_call
  uintptr_t sp = 0;
  uintptr_t pc = 0;
};

// What matters of "status".
struct StatusFile {
  char state = '?';           // R, S, D, T, t, Z, X, I
  int process = 0;            // Tgid: the id of its process, as we see it; 0: the line is missing
  int innermost_tid = 0;      // the last number of NSpid, the thread's id for itself; 0: the kernel has no namespaces
  unsigned call_filters = 0;  // how many filters of system calls it is under (seccomp)
  uint64_t blocked_signals = 0;  // SigBlk: bit N-1 is signal N
  uint64_t voluntary_switches = 0;
  uint64_t involuntary_switches = 0;

  uint64_t switches() const { return voluntary_switches + involuntary_switches; }
  bool is_of(int tid) const { return innermost_tid == 0 || innermost_tid == tid; }
};

SyscallFile parse_syscall(std::string_view text);

// False if a field but Tgid, NSpid, Seccomp and Seccomp_filters (Linux 5.9) is missing. The file's first line is the thread's name, in which the kernel escapes newlines: no name
// can pass for another line.
bool parse_status(std::string_view text, StatusFile* out);

// When the process was started, from its "stat", in nanoseconds since the boot (CLOCK_BOOTTIME), rounded down to a tick of 10 ms.
std::optional<uint64_t> parse_start_time(std::string_view stat);

}  // namespace holdwatch
