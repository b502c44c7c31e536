// What the bytes of a glibc lock show: who holds it, how, and whether they can be such a lock at all. The layout is in
// lock_layout.h.
// Any context; pure: the caller has copied the bytes. If the lock changed during the copy, the result may never have
// been true.
#pragma once

#include <pthread.h>

#include <cstddef>
#include <cstdint>

#include "shim/common/contract/finding.h"
#include "shim/common/glibc/stream_layout.h"

namespace holdwatch {

// Thread ids are those of the process's own namespace.
struct LockFields {
  int owner = 0;                 // the owner of a mutex or stream or an rwlock's writer, 0 if the fields name none
  uint32_t readers = 0;          // how many hold an rwlock for reading; the fields do not show which
  uint32_t depth = 1;            // how often a recursive mutex or a stream is held
  bool is_locked = false;        // a mutex or stream that is locked, or an rwlock that is locked for writing
  bool is_contended = false;     // the fields show waiters, which may have stopped waiting shortly before
  bool is_writers_turn = false;  // an rwlock: the readers that it counts do not hold it yet
  bool prefers_readers = false;  // an rwlock: it lets readers in while a writer waits
  bool is_miscounted = false;    // an rwlock: a writer waits for readers, but the count of readers is impossible then
  bool is_overwritten = false;   // a mutex: its word, kind or owner is none of those that it can have
  bool is_there_for_taking = false;  // whoever waits for it would get it if woken (lock_layout.h)
  bool inherits = false;             // a mutex that the kernel manages too (PTHREAD_PRIO_INHERIT)
  bool robust = false;               // the kernel unlocks the mutex when its owner exits
  bool process_shared = false;       // the owner may be a thread of another process
  bool compares_owner = false;       // only the thread with the owner's id can unlock it
  bool owner_died = false;           // a robust mutex whose owner has exited
};

LockFields fields_of(const pthread_mutex_t& mutex);
LockFields fields_of(const pthread_rwlock_t& rwlock);
// `owner` is the id in the descriptor that the stream's lock names; for `uncounted` see stream_layout.h.
LockFields fields_of(const StreamLock& stream, int owner, uint32_t uncounted);

// How many bytes of memory such a lock is.
constexpr size_t size_of_lock(LockKind kind) {
  if (kind == LockKind::stream) return sizeof(StreamLock);
  return kind == LockKind::rwlock ? sizeof(pthread_rwlock_t) : sizeof(pthread_mutex_t);
}

// Whether all fields have values that glibc can give them.
bool may_be_lock(const pthread_mutex_t& mutex);
bool may_be_lock(const pthread_rwlock_t& rwlock);
bool may_be_lock(const StreamLock& stream);

// Whether a thread that sleeps on the mutex's word with `value` waits for the mutex, and the mutex is of a kind for
// which it does so in a function of libc that has no symbol (nptl/pthread_mutex_lock.c, __pthread_mutex_lock_full): a
// robust one, whose word names the owner, or one with PTHREAD_PRIO_PROTECT, whose word contains the ceiling.
bool is_unnamed_mutex(const pthread_mutex_t& mutex, uint32_t value);

// The same for a mutex with PTHREAD_PRIO_INHERIT, and a thread that sleeps by the kernel's protocol (FUTEX_LOCK_PI). The
// call alone does not prove that it is one: a program may use the protocol for a lock of its own, which is that word only.
bool is_unnamed_inheriting(const pthread_mutex_t& mutex);

}  // namespace holdwatch
