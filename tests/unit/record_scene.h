// What the tests of a thread's record share: locks by address, a recursive mutex, a record whose thread's stack is an array.
#pragma once

#include <pthread.h>

#include "shim/record/owner_record.h"
#include "tests/unit/array_stack.h"
#include "tests/unit/record_calls.h"

namespace holdwatch {

inline constexpr Caller kCaller{0x401000, 0, 0};  // no stack that could be walked

inline LockWord mutex_at(uintptr_t address) {
  return {reinterpret_cast<const void*>(address), LockKind::mutex, Access::exclusive};
}

inline LockWord word_of(const HeldSlot& slot) {
  return LockWord(slot.word.load());
}

inline uintptr_t address_of(const void* object) {
  return reinterpret_cast<uintptr_t>(object);
}

// A recursive mutex that is held once by the calling thread.
class RecursiveMutex {
 public:
  RecursiveMutex() {
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(&mutex_, &attributes);
    pthread_mutexattr_destroy(&attributes);
    lock();
  }
  ~RecursiveMutex() {
    while (count_-- > 0) pthread_mutex_unlock(&mutex_);
    pthread_mutex_destroy(&mutex_);
  }
  RecursiveMutex(const RecursiveMutex&) = delete;
  RecursiveMutex& operator=(const RecursiveMutex&) = delete;

  void lock() { count_ += pthread_mutex_lock(&mutex_) == 0; }
  LockWord word() const { return {&mutex_, LockKind::mutex, Access::exclusive}; }
  uintptr_t address() const { return address_of(&mutex_); }

 private:
  pthread_mutex_t mutex_;
  int count_ = 0;
};

// A record whose thread's stack is an array that the test fills.
struct RecordOnArray : ArrayStack {
  explicit RecordOnArray(size_t size) : ArrayStack(size) {
    record.stack_end = end();
    record.stack_span = size * sizeof(uintptr_t) + 1;
  }
  OwnerRecord record;
};

}  // namespace holdwatch
