// What the kernel tells of one thread: /proc/self/task/TID/{syscall,status,comm}, read and parsed; some of it of another
// process's, too.
// Cold context; no allocation, and no descriptor stays open. The parsers are pure: text in, values out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "shim/base/plain.h"

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

// These return 0, or the errno of what failed; EPROTO stands for a text that was not understood. ENOENT and ESRCH mean
// that the thread is gone, or that /proc is not mounted or shows another process id namespace than ours: ask
// proc_shows_us.
int read_syscall_file(int tid, SyscallFile* out);
int read_status_file(int tid, StatusFile* out);
int read_thread_name(int tid, char (&name)[kThreadNameSize]);

// The same of a thread of process `pid`.
int read_status_file(int pid, int tid, StatusFile* out);
int read_thread_name(int pid, int tid, char (&name)[kThreadNameSize]);

// When the process was started, in nanoseconds since the boot (CLOCK_BOOTTIME), rounded down to a tick of 10 ms.
int read_start_time(int pid, uint64_t* out_ns);
std::optional<uint64_t> parse_start_time(std::string_view stat);

// True if /proc knows this very thread under the id that it has for itself. False without /proc, or where /proc was
// mounted in another process id namespace: its thread ids are not ours there, and may even be somebody else's.
bool proc_shows_us();

// Calls `visit(tid)` for each thread of the process, ours included.
void for_each_thread(void (*visit)(int tid));

// Reads the start of a /proc file, at most `size` bytes. Returns the number of bytes, or minus errno.
long read_proc_file(const char* path, char* out, size_t size);

}  // namespace holdwatch
