// Filters of system calls, as sandboxes install them, and a hold over the limit under one.
#pragma once

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstddef>
#include <ctime>
#include <vector>

// `listed` calls get one action, all others the other. Flags 0: for the calling thread alone. Returns what seccomp(2) does.
inline long try_filter(const std::vector<long>& listed, unsigned for_listed, unsigned for_others, unsigned long flags) {
  std::vector<sock_filter> code = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr))};
  for (const long call : listed) {
    code.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<unsigned>(call), 0, 1));
    code.push_back(BPF_STMT(BPF_RET | BPF_K, for_listed));
  }
  code.push_back(BPF_STMT(BPF_RET | BPF_K, for_others));
  const sock_fprog program = {static_cast<unsigned short>(code.size()), code.data()};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return -1;
  return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
}

// For all threads.
inline void install_filter(const std::vector<long>& listed, unsigned for_listed, unsigned for_others) {
  if (try_filter(listed, for_listed, for_others, SECCOMP_FILTER_FLAG_TSYNC) != 0) _exit(3);
}

// From now on every call kills the process but those that the program makes itself, and the two that are ours.
inline void forbid_all_but_futex_write_and(std::vector<long> own_calls) {
  own_calls.push_back(SYS_futex);
  own_calls.push_back(SYS_write);
  install_filter(own_calls, SECCOMP_RET_ALLOW, SECCOMP_RET_KILL_PROCESS);
}

// A thread that holds a mutex for a second, and one that waits for it. All their calls are futex and clock_nanosleep, for they
// never end.
class FilteredHold {
 public:
  // Returns when both are past libc's own calls at a thread's start. Stacks of its own spare pthread_create the calls by which it
  // would map them.
  void make_threads() {
    make(hold, stacks_[0]);
    make(wait, stacks_[1]);
    pthread_barrier_wait(&made_);
  }

  // Returns when both are done.
  void run() {
    pthread_barrier_wait(&begin_);
    pthread_barrier_wait(&end_);
  }

 private:
  using Stack = unsigned char[256 * 1024];

  static void make(void* (*start)(void*), Stack& stack) {
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstack(&attributes, stack, sizeof stack);
    pthread_t thread;
    if (pthread_create(&thread, &attributes, start, nullptr) != 0) _exit(4);
  }

  static void sleep_ms(long milliseconds) {
    const timespec time = {milliseconds / 1000, milliseconds % 1000 * 1'000'000};
    clock_nanosleep(CLOCK_MONOTONIC, 0, &time, nullptr);
  }

  static void* hold(void*) {
    pthread_barrier_wait(&made_);
    pthread_barrier_wait(&begin_);
    pthread_mutex_lock(&lock_);
    pthread_barrier_wait(&held_);
    sleep_ms(1000);  // exceeds the limit
    pthread_mutex_unlock(&lock_);
    sleep_ms(500);  // the end is told while the program goes on: its exit waits for next to nothing
    return rest();
  }

  static void* wait(void*) {
    pthread_barrier_wait(&made_);
    pthread_barrier_wait(&begin_);
    pthread_barrier_wait(&held_);
    pthread_mutex_lock(&lock_);
    pthread_mutex_unlock(&lock_);
    return rest();
  }

  static void* rest() {
    pthread_barrier_wait(&end_);
    pthread_barrier_wait(&never_);
    return nullptr;
  }

  static inline pthread_barrier_t made_, begin_, held_, end_, never_;
  static inline const bool are_ready_ = [] {
    pthread_barrier_init(&made_, nullptr, 3);
    pthread_barrier_init(&begin_, nullptr, 3);
    pthread_barrier_init(&held_, nullptr, 2);
    pthread_barrier_init(&end_, nullptr, 3);
    pthread_barrier_init(&never_, nullptr, 3);
    return true;
  }();
  static inline pthread_mutex_t lock_ = PTHREAD_MUTEX_INITIALIZER;
  static inline Stack stacks_[2];
};
