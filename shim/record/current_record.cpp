// See current_record.h.
#include "shim/record/current_record.h"

#include <pthread.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <climits>

#include "shim/base/libc_functions.h"
#include "shim/common/glibc/lock_layout.h"
#include "shim/common/kernel/system_call.h"
#include "shim/own_threads/seccomp_state.h"
#include "shim/record/learnt_enders.h"
#include "shim/record/thread_table.h"

namespace holdwatch {

HOLDWATCH_TLS OwnerRecord* t_record = nullptr;

namespace {

constexpr uintptr_t kMainStackSpan = uintptr_t{64} << 20;  // the kernel keeps at least 128 MiB below the stack free

std::atomic<uint32_t> g_live{0};

std::atomic<size_t> g_smallest_stack{SIZE_MAX};
pthread_key_t g_exit_key;
bool g_exit_key_made = false;

// The thread that survived the last fork, and the ids that it had in earlier processes. Written in the child while it
// has only one thread.
int g_survivor = 0;
int g_former_tids[8] = {};
unsigned g_forks = 0;

int g_late_leader = 0;  // the main thread's id, if current_record_start did not run in it
HOLDWATCH_TLS bool t_main_stack = false;
HOLDWATCH_TLS uint8_t t_exit_rounds = 0;
HOLDWATCH_TLS OwnerRecord* t_paused = nullptr;

// glibc puts a thread's descriptor at the high end of its stack, whoever allocated the stack (nptl/allocatestack.c).
// The main thread's stack ends with the program's file name (fs/binfmt_elf.c), somewhere in its last page.
void note_stack(OwnerRecord& record) {
  if (t_main_stack) {
    record.stack_end = (getauxval(AT_EXECFN) & ~uintptr_t{4095}) + 4096;
    record.stack_span = kMainStackSpan;
  } else {
    record.stack_end = reinterpret_cast<uintptr_t>(libc().pthread_self());
    record.stack_span = g_smallest_stack.load(std::memory_order_relaxed);
  }
}

// Runs among the destructors of thread-specific data. Other destructors may still acquire locks, so it sets its value
// again to be called again, and returns the record in the last round (POSIX: PTHREAD_DESTRUCTOR_ITERATIONS rounds).
void retire_record();

void on_thread_exit(void* value) {
  if (++t_exit_rounds < PTHREAD_DESTRUCTOR_ITERATIONS) {
    libc().pthread_setspecific(g_exit_key, value);
    return;
  }
  retire_record();
}

void retire_record() {
  resume_thread();
  OwnerRecord* record = t_record;
  t_record = nullptr;
  t_mode = ThreadMode::finished;
  if (record == nullptr) return;
  record->end_waits();
  if (ends_are_noted()) note_exit_of_ender(record->tid.load(std::memory_order_relaxed));
  g_live.fetch_sub(1, std::memory_order_relaxed);
  if (!record->holds_nothing()) {
    if (const SystemCallScope calls; !calls_filtered()) system_call(SYS_prctl, PR_GET_NAME, record->gone_name);
    record->state.store(RecordState::gone, std::memory_order_release);
    return;
  }
  return_record(*record);
}

}  // namespace

// glibc writes the thread id into a mutex that the thread locks.
int current_tid() {
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  libc().pthread_mutex_lock(&mutex);
  const int tid = mutex_owner(mutex);
  libc().pthread_mutex_unlock(&mutex);
  return tid;
}

// A program that uses a key that it never created, usually number 0, must still get EINVAL. So our key is the last of
// those whose values need no allocation (nptl/pthread_setspecific.c: the first 32); keys are assigned from 0 upwards.
constexpr size_t kKeysWithoutAllocation = 32;

bool make_exit_key() {
  pthread_key_t made[kKeysWithoutAllocation];
  size_t count = 0;
  while (count < kKeysWithoutAllocation && libc().pthread_key_create(&made[count], on_thread_exit) == 0)
    if (made[count++] >= kKeysWithoutAllocation - 1) break;
  if (count == 0) return false;
  g_exit_key = made[0];
  for (size_t i = 1; i < count; ++i)
    if (made[i] < kKeysWithoutAllocation) g_exit_key = made[i];
  for (size_t i = 0; i < count; ++i)
    if (made[i] != g_exit_key) libc().pthread_key_delete(made[i]);
  return true;
}

void note_default_stack_size() {
  pthread_attr_t attributes;
  if (libc().pthread_getattr_default_np(&attributes) != 0) return;
  size_t size = 0;
  libc().pthread_attr_getstacksize(&attributes, &size);
  g_smallest_stack.store(size, std::memory_order_relaxed);
  libc().pthread_attr_destroy(&attributes);
}

void current_record_start() {
  t_main_stack = true;
  g_exit_key_made = make_exit_key();
  note_default_stack_size();
  refill_records();
}

bool current_record_start_late() {
  g_exit_key_made = make_exit_key() && g_exit_key < kKeysWithoutAllocation;
  if (!g_exit_key_made) return false;
  // The stack sizes of threads that exist already are not known: assume the smallest that glibc allows.
  g_smallest_stack.store(static_cast<size_t>(libc().sysconf(_SC_THREAD_STACK_MIN)), std::memory_order_relaxed);
  g_late_leader = static_cast<int>(system_call(SYS_getpid));
  refill_records();
  return true;
}

namespace {

// Makes the record the calling thread's, unless a signal handler has given the thread one meanwhile.
bool make_current(OwnerRecord* record) {
  OwnerRecord* none = nullptr;
  return __atomic_compare_exchange_n(&t_record, &none, record, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

}  // namespace

// A signal handler may interrupt it, acquire locks itself, and never return (siglongjmp): so no flag marks it as
// running, and the thread has either no record or, once the last store is made, a complete one. At worst one record is
// never freed.
OwnerRecord* register_thread_slow() {
  // Without the exit key, a record would outlive its thread, and its holds would be attributed to a later thread with
  // the same stack.
  if (t_mode != ThreadMode::recording || !g_exit_key_made) return nullptr;
  OwnerRecord* record = take_record();
  if (record == nullptr) {
    count_thread_without_record();
    return nullptr;
  }
  record->clear();
  record->unrecorded.store(0, std::memory_order_relaxed);
  const int tid = current_tid();
  if (tid == g_late_leader) t_main_stack = true;
  note_stack(*record);
  record->tid.store(tid, std::memory_order_relaxed);
  // Keys below 32 need no allocation (nptl: PTHREAD_KEY_2NDLEVEL_SIZE), and ours was made at the program's start.
  libc().pthread_setspecific(g_exit_key, record);
  record->state.store(RecordState::live, std::memory_order_release);
  if (make_current(record)) {
    g_live.fetch_add(1, std::memory_order_relaxed);
    return record;
  }
  return_record(*record);
  return t_record;
}

OwnerRecord* paused_record() {
  return t_paused;
}

void pause_thread() {
  if (t_mode != ThreadMode::recording) return;
  if (t_record != nullptr) forget_poll(*t_record);
  t_paused = t_record;
  t_record = nullptr;
  t_mode = ThreadMode::paused;
}

void resume_thread() {
  if (t_mode != ThreadMode::paused) return;
  t_record = t_paused;
  t_paused = nullptr;
  t_mode = ThreadMode::recording;
}

uint32_t live_records() {
  return g_live.load(std::memory_order_relaxed);
}

void note_stack_size(size_t size) {
  size_t smallest = g_smallest_stack.load(std::memory_order_relaxed);
  while (size != 0 && size < smallest && !g_smallest_stack.compare_exchange_weak(smallest, size)) {
  }
}

OwnerRecord* current_record_after_fork() {
  OwnerRecord* own = t_mode == ThreadMode::paused ? t_paused : t_record;
  free_all_records_but(own);
  g_live.store(own == nullptr ? 0 : 1, std::memory_order_relaxed);
  if (own == nullptr) return nullptr;
  const int former = own->tid.load(std::memory_order_relaxed);
  const int tid = current_tid();
  g_former_tids[g_forks++ % std::size(g_former_tids)] = former;
  g_survivor = tid;
  own->tid.store(tid, std::memory_order_release);
  return own;
}

bool was_before_fork(int tid, int former) {
  if (tid != g_survivor) return false;
  for (const int known : g_former_tids)
    if (known == former && known != 0) return true;
  return false;
}

}  // namespace holdwatch
