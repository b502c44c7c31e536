// See own_thread.h.
#include "shim/own_threads/own_thread.h"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <atomic>

#include "shim/base/libc_functions.h"
#include "shim/base/libc_threads.h"
#include "shim/base/os.h"
#include "shim/base/thread_mode.h"
#include "shim/base/upcalls.h"
#include "shim/common/kernel/signal_set.h"
#include "shim/common/kernel/system_call.h"
#include "shim/own_threads/seccomp_state.h"

namespace holdwatch {

namespace {

constexpr size_t kGuard = 4096;

struct ReservedStack {
  unsigned char* start;
  size_t size;
  bool is_used;
};
ReservedStack g_reserved[2] = {};

// Without this, glibc would map a stack and protect its guard page, with system calls of its own.
int use_reserved_stack(pthread_attr_t& attributes, size_t size) {
  for (ReservedStack& stack : g_reserved) {
    if (stack.start == nullptr || stack.is_used || stack.size != size) continue;
    stack.is_used = true;
    return libc().pthread_attr_setstack(&attributes, stack.start, stack.size);
  }
  return libc().pthread_attr_setstacksize(&attributes, size);
}

void* enter(void* argument) {
  const auto& what = *static_cast<const OwnThread*>(argument);
  t_mode = ThreadMode::internal;
  t_is_own_thread = true;
  if (!calls_filtered()) system_call(SYS_prctl, PR_SET_NAME, what.name);
  SystemCallScope::end();
  what.run();
  put_into_count();
  return nullptr;
}

// Our threads never handle or consume a signal of the program. Before glibc 2.32 a thread can only inherit the mask of
// the thread that creates it: then the program's thread blocks its signals while it creates ours.
class AllSignalsBlocked {
 public:
  AllSignalsBlocked(pthread_attr_t* attributes, int* error) {
    const sigset_t all = signal_set(kAllSignals);
    by_hand_ = libc().pthread_attr_setsigmask_np == nullptr;
    if (by_hand_)
      set_mask(&all, &before_);
    else if (*error == 0)
      *error = libc().pthread_attr_setsigmask_np(attributes, &all);
  }
  ~AllSignalsBlocked() {
    if (by_hand_) set_mask(&before_, nullptr);
  }
  AllSignalsBlocked(const AllSignalsBlocked&) = delete;
  AllSignalsBlocked& operator=(const AllSignalsBlocked&) = delete;

 private:
  static void set_mask(const sigset_t* mask, sigset_t* before) {
    system_call(SYS_rt_sigprocmask, SIG_SETMASK, mask, before, sizeof(uint64_t));
  }

  sigset_t before_{};
  bool by_hand_;
};

// The caller counts as inside a system call scope until the new thread has made libc's own calls at its start.
int make(pthread_t* thread, const pthread_attr_t& attributes, const OwnThread& what) {
  SystemCallScope::begin();
  const int error = kUpcalls.create_thread(thread, &attributes, enter, const_cast<OwnThread*>(&what));
  if (error != 0) {
    SystemCallScope::end();
    return error;
  }
  // Only our threads are left: the program's last thread ended while one of ours was creating this one.
  if (leave_out_of_count() == 0) libc().exit(0);
  return 0;
}

}  // namespace

int start_own_thread(const OwnThread& what, pthread_t* thread) {
  const SystemCallScope calls;
  pthread_attr_t attributes;
  int error = libc().pthread_attr_init(&attributes);
  if (error != 0) return error;
  pthread_t detached;
  if (thread == nullptr) libc().pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  error = calls_filtered() ? use_reserved_stack(attributes, what.stack_size)
                           : libc().pthread_attr_setstacksize(&attributes, what.stack_size);
  const AllSignalsBlocked blocked(&attributes, &error);
  if (error == 0) error = make(thread == nullptr ? &detached : thread, attributes, what);
  libc().pthread_attr_destroy(&attributes);
  return error;
}

void reserve_own_stacks(const size_t (&sizes)[2]) {
  if (g_reserved[0].start != nullptr) return;
  for (size_t i = 0; i < 2; ++i) {
    auto* memory = static_cast<unsigned char*>(reserve_memory(kGuard + sizes[i]));
    if (memory == nullptr) continue;
    system_call(SYS_mprotect, memory, kGuard, PROT_NONE);
    g_reserved[i] = {memory + kGuard, sizes[i], false};
  }
}

void own_stacks_after_fork() {
  for (ReservedStack& stack : g_reserved) stack.is_used = false;
}

void rest_forever() {
  constexpr uint64_t kNoTimeoutNs = uint64_t{3600} * 1'000'000'000;
  std::atomic<uint32_t> never{0};
  while (true) sleep_on(never, 0, kNoTimeoutNs);
}

}  // namespace holdwatch
