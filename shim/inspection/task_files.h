// What the kernel shows of one thread: /proc/self/task/TID/{syscall,status,comm,wchan}; some of it also of another process's.
// Cold context; no allocation, and no descriptor stays open.
#pragma once

#include <cstddef>
#include <cstdint>

#include "shim/common/contract/finding.h"
#include "shim/common/proc/thread_files.h"

namespace holdwatch {

// These return 0, or the errno of what failed; EPROTO means that the text was not understood. ENOENT and ESRCH mean
// that the thread is gone, or that /proc is not mounted or shows another process id namespace than ours: see
// proc_shows_us.
int read_syscall_file(int tid, SyscallFile* out);
int read_status_file(int tid, StatusFile* out);
int read_thread_name(int tid, char (&name)[kThreadNameSize]);

// The name of the function of the kernel in which it sleeps; "0" if the kernel does not tell.
inline constexpr size_t kWaitChannelSize = 64;
int read_wait_channel(int tid, char (&channel)[kWaitChannelSize]);

// The same of a thread of process `pid`.
int read_syscall_file(int pid, int tid, SyscallFile* out);
int read_status_file(int pid, int tid, StatusFile* out);
int read_thread_name(int pid, int tid, char (&name)[kThreadNameSize]);

// When the thread was started, in nanoseconds since the boot (CLOCK_BOOTTIME), rounded down to a tick of 10 ms.
int read_start_time(int pid, int tid, uint64_t* out_ns);

// True if /proc shows this thread under the id that it has for itself. False without /proc, or where /proc was
// mounted in another process id namespace: its thread ids are not ours there, and may even be somebody else's.
bool proc_shows_us();

// Calls `visit(tid)` for each thread of the process, ours included.
void for_each_thread(void (*visit)(int tid));

// The same for a process.
void for_each_thread_of(int pid, void (*visit)(int tid));

// Calls `visit(pid)` for each process that /proc shows; false if there are too many, or they cannot be listed.
bool for_each_process(void (*visit)(int pid));

// Reads the start of a /proc file, at most `size` bytes. Returns the number of bytes, or minus errno.
long read_proc_file(const char* path, char* out, size_t size);

}  // namespace holdwatch
