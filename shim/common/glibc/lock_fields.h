// What the bytes of a glibc lock say: who holds it, how, and whether they can be such a lock at all. The layout is in
// lock_layout.h.
// Any context; pure: the caller has copied the bytes. A lock that changes meanwhile says something that was true of no moment.
#pragma once

#include <pthread.h>

#include <cstdint>

namespace holdwatch {

// Thread ids are those of the process's own namespace.
struct LockFields {
  int owner = 0;                 // a mutex's owner or an rwlock's writer, 0 if it names none
  uint32_t readers = 0;          // how many hold an rwlock for reading; which ones it does not say
  uint32_t depth = 1;            // how often a recursive mutex is held
  bool is_taken = false;         // a mutex that is locked, or an rwlock that is locked for writing
  bool is_contended = false;     // it says that somebody waits, maybe for a while when nobody does any more
  bool is_writers_turn = false;  // an rwlock: readers that it counts have not got it yet
  bool inherits = false;         // a mutex of which the kernel keeps account (PTHREAD_PRIO_INHERIT)
  bool robust = false;           // the kernel gives the mutex on when its owner ends
  bool process_shared = false;   // the owner may be a thread of another process
  bool compares_owner = false;   // nobody but the thread of that number can give it back
  bool owner_died = false;       // a robust mutex whose owner has ended
};

LockFields fields_of(const pthread_mutex_t& mutex);
LockFields fields_of(const pthread_rwlock_t& rwlock);

// Whether no field has a value that glibc never gives it.
bool may_be_lock(const pthread_mutex_t& mutex);
bool may_be_lock(const pthread_rwlock_t& rwlock);

// Whether the mutex is one that is waited for with `value`, of those that are waited for in a function of libc's without a name
// (nptl/pthread_mutex_lock.c, __pthread_mutex_lock_full): robust ones, whose word names the owner, and those with
// PTHREAD_PRIO_PROTECT, whose word has the ceiling. For PTHREAD_PRIO_INHERIT the system call itself is enough.
bool is_unnamed_mutex(const pthread_mutex_t& mutex, uint32_t value);

}  // namespace holdwatch
