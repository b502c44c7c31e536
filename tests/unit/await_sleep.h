// Until another thread sleeps in the kernel: only then can a test say what it waits for.
#pragma once

#include <pthread.h>
#include <unistd.h>

#include "shim/inspection/waiting_call.h"

namespace holdwatch {

// Until `is_it` is true of the system call that the thread is blocked in.
template <typename IsIt>
void await_call_of(int tid, IsIt is_it) {
  SyscallFile file;
  while (read_syscall_file(tid, &file) != 0 || file.kind != SyscallFile::Kind::in_call || !is_it(file)) usleep(1000);
}

inline void await_call(int tid, long number) {
  await_call_of(tid, [&](const SyscallFile& file) { return file.call.number == number; });
}

// Any other futex call does not count: an idle RecordedThread sleeps in one, too, and until it has begun what it was given to do, the
// kernel may still show that one.
inline void await_sleep_for(int tid, LockWord lock) {
  await_call_of(tid, [&](const SyscallFile& file) { return sleeps_for(file, lock); });
}

inline void await_sleep_for(int tid, const pthread_cond_t& condition) {
  await_call_of(tid, [&](const SyscallFile& file) {
    const uintptr_t word = file.call.arguments[0];
    return sits_in_condition_wait(file) && word - reinterpret_cast<uintptr_t>(&condition) < sizeof condition;
  });
}

}  // namespace holdwatch
