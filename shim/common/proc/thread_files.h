// The kernel's files about one thread, /proc/PID/task/TID/{syscall,status,stat}, as values. A process has the same
// files.
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

// The fields of "status" that are used.
struct StatusFile {
  char state = '?';         // R, S, D, T, t, Z, X, I
  int process = 0;          // Tgid: the id of its process, as seen from our namespace; 0: the line is missing
  int innermost_tid = 0;    // the last number of NSpid: the id in its own namespace; 0: the kernel has no namespaces
  unsigned namespaces = 0;  // how many numbers NSpid has: from the namespace of /proc to its own
  unsigned seccomp_filters = 0;  // how many filters of system calls apply to it (seccomp)
  uint64_t blocked_signals = 0;  // SigBlk: bit N-1 is signal N
  uint64_t voluntary_switches = 0;
  uint64_t involuntary_switches = 0;

  uint64_t switches() const { return voluntary_switches + involuntary_switches; }
  bool is_of(int tid) const { return innermost_tid == 0 || innermost_tid == tid; }
  bool has_own_ids() const { return namespaces > 1; }
  bool has_exited() const { return state == 'Z' || state == 'X'; }
};

SyscallFile parse_syscall(std::string_view text);

// False if a field other than Tgid, NSpid, Seccomp and Seccomp_filters (Linux 5.9) is missing.
bool parse_status(std::string_view text, StatusFile* out);

// Single fields of a "status" text, by the name before the colon. None: there is no such line. The first line is the
// thread's name, in which the kernel escapes newlines: no name can be mistaken for another line.
std::optional<std::string_view> status_field(std::string_view status, std::string_view name);  // without leading blanks
std::optional<uint64_t> status_number(std::string_view status, std::string_view name);         // its first, decimal
std::optional<uint64_t> status_mask(std::string_view status, std::string_view name);           // SigBlk and the like

// How often the thread was switched off a processor, willingly or not.
std::optional<uint64_t> count_switches(std::string_view status);
// The signals pending for the thread or its process: SigPnd and ShdPnd.
uint64_t pending_signals(std::string_view status);
// How many filters of system calls apply to it. Strict mode counts as one, and so do filters whose number is not shown.
unsigned count_seccomp_filters(std::string_view status);
// True also if the text does not contain the field.
bool may_have_seccomp_filter(std::string_view status);

// A field of a "stat" text by its number in proc_pid_stat(5), 3 or more. None also for a negative number.
std::optional<uint64_t> stat_number(std::string_view stat, int field);

// When the process was started, from its "stat", in nanoseconds since the boot (CLOCK_BOOTTIME), rounded down to a tick
// of 10 ms.
std::optional<uint64_t> parse_start_time(std::string_view stat);

}  // namespace holdwatch
