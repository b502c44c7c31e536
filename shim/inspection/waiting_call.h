// Which lock a thread waits for, from the system call that it is blocked in and the functions of libc that made it.
// Cold context. Reads without faulting; nothing here disturbs the thread.
#pragma once

#include <cstddef>
#include <cstdint>

#include "shim/inspection/blocked_frames.h"
#include "shim/inspection/task_files.h"
#include "shim/record/lock_word.h"

namespace holdwatch {

// A function of glibc in which a thread waits for a lock, or for a condition and then for its mutex.
struct WaitingFunction {
  uintptr_t start, end;
  LockKind kind;
  Access access;
  bool is_condition = false;
};

struct WaitingCode {
  const WaitingFunction* functions = nullptr;
  size_t function_count = 0;
  const UnwoundModule* modules = nullptr;  // that have these functions, and those that they call
  size_t module_count = 0;
};

// What lock_waited_for knows. Set once, before its first call; without it, it finds nothing but what the lock itself tells.
void set_waiting_code(const WaitingCode& code);

// False if it waits for no lock, or in an unknown function. A thread in a condition wait waits for the mutex once it has
// been woken and another thread holds the mutex.
bool lock_waited_for(const SyscallFile& place, LockWord* out);

// Whether it waits for a stream, which needs no function: the lock itself tells.
bool stream_waited_for(const SyscallFile& place, LockWord* out);

// Whether it sleeps in a futex call on one of the words of `lock`, whatever function made that call; and what it wants then.
bool sleeps_for(const SyscallFile& place, LockWord lock);
LockWord wanted_of(const SyscallFile& place, LockWord lock);

// Whether it sleeps as the writer that has `rwlock` next, until its readers have left (common/glibc/futex_wait.h).
bool sleeps_for_readers(const SyscallFile& place, LockWord rwlock);

// Whether it waits for a condition, or for its mutex.
bool sits_in_condition_wait(const SyscallFile& place);

}  // namespace holdwatch
