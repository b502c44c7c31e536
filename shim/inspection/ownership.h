// What a lock itself says about its holders: glibc's own fields, read without faulting, since the lock may be gone.
// Cold context.
#pragma once

#include <cstdint>

#include "shim/record/lock_word.h"
#include "shim/record/view.h"

namespace holdwatch {

enum class Ownership : uint8_t {
  confirmed,  // the lock names this thread as its owner, or (a read lock) has readers
  refuted,    // it is free, has another owner, or its memory is gone: the record is left over
  unknown,    // it could not be read
};

Ownership confirm_ownership(LockWord word, int tid);
// The same for a recorded hold, whose thread may have exited.
Ownership confirm_ownership(const HoldView& hold);

// The id of the thread that a lock names as its only holder, 0 if it names none; `held` is how it holds the lock.
int owner_of(LockWord lock, LockWord* held);

// Whether the lock is such a mutex (common/glibc/lock_fields.h); false where it cannot be read.
bool is_unnamed_mutex(LockWord mutex, uint32_t value);
bool is_unnamed_inheriting(LockWord mutex);

// Whether the lock says that it has waiters, which it may do for a while after the last one has gone. False if it cannot be
// read.
bool is_contended(LockWord lock);

// Whether the lock is locked and names no owner: a thread is in the middle of acquiring or releasing it. Rarely for longer than
// a few instructions.
bool is_changing_hands(LockWord lock);
// The access it is held for then.
Access access_of_nameless(LockWord lock);

// Whether it is an rwlock whose count of readers is impossible if a writer sleeps until its readers have left; false if it
// cannot be read.
bool is_miscounted(LockWord lock);

// Whether it is a mutex whose fields are none of those that it can have; false if it cannot be read.
bool is_overwritten(LockWord mutex);

// Whether whoever sleeps for it would get it if woken (common/glibc/lock_layout.h); false if it cannot be read.
bool is_there_for_taking(LockWord lock);

// Whether it is an rwlock that lets readers in while a writer waits; false if it cannot be read.
bool lets_readers_in(LockWord lock);

// Whether threads of other processes may hold it (PTHREAD_PROCESS_SHARED); false if it cannot be read.
bool is_process_shared(LockWord lock);

// Whether the memory there has the fields of a mutex that processes share, that is held and has waiters; false if it cannot be
// read.
bool is_shared_mutex(LockWord mutex);

// How many times a recursive mutex is held by its owner, and a rwlock by all its readers; 1 for every other lock, and if it
// cannot be read.
uint32_t held_count(LockWord word);

// Whether only the thread whose id it contains can release it; false if it cannot be read.
bool compares_owner(LockWord lock);

// Whether it is a mutex with the protocol PTHREAD_PRIO_INHERIT; false if it cannot be read.
bool inherits_priority(LockWord word);

// Whether threads wait for this stream, and the thread that has locked it has exited, so that nothing says which one it was.
bool is_left_by_exited(LockWord stream);

// How many readers the lock counts; 0 if it cannot be read.
uint32_t reader_count(LockWord word);

}  // namespace holdwatch
