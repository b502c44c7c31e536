// See standard_streams.h.
#include "shim/inspection/standard_streams.h"

#include <algorithm>

#include "shim/base/libc_functions.h"
#include "shim/common/glibc/stream_layout.h"
#include "shim/inspection/blocked_thread.h"
#include "shim/inspection/inference.h"
#include "shim/inspection/ownership.h"
#include "shim/inspection/task_files.h"
#include "shim/inspection/waiting_call.h"
#include "shim/record/view_walk.h"

namespace holdwatch {
namespace {

constexpr size_t kMaxThreads = 1024;  // of the process: a file of /proc each
constexpr size_t kMaxWaiters = 256;

// What is known of a stream since it was first seen with this owner asleep.
struct Suspect {
  const char* name;  // of libc's variable
  const FILE* stream = nullptr;
  bool is_looked_up = false;
  int owner = 0;
  uint64_t switches = 0;
  uint64_t since_ns = 0;
  uint64_t due_ns = 0;  // when the threads are listed, next
};
constinit Suspect g_suspects[] = {{.name = "_IO_2_1_stdout_"}, {.name = "_IO_2_1_stderr_"}};

void look_up(Suspect& suspect) {
  const ExportedVariable variable = ExportedFunctions(libc_module()).find_variable(suspect.name);
  if (variable.size > kStreamLock + sizeof(void*)) suspect.stream = reinterpret_cast<const FILE*>(variable.address);
  suspect.is_looked_up = true;
}

LockWord lock_word_of(const FILE* stream) {
  return {lock_of(stream), LockKind::stream, Access::exclusive};
}

// libc's own memory, which stays.
bool is_waited_for(const FILE* stream) {
  const auto* const lock = static_cast<const StreamLock*>(lock_of(stream));
  return lock != nullptr && __atomic_load_n(&lock->word, __ATOMIC_RELAXED) == kStreamContended;
}

// What for_each_thread fills. Watcher only.
struct Waiters {
  LockWord stream;
  int tids[kMaxWaiters];
  size_t count, threads;
};
constinit Waiters g_waiters{};

void list_waiter(int tid) {
  SyscallFile place;
  if (++g_waiters.threads > kMaxThreads || g_waiters.count == kMaxWaiters) return;
  if (read_syscall_file(tid, &place) == 0 && sleeps_for(place, g_waiters.stream))
    g_waiters.tids[g_waiters.count++] = tid;
}

bool is_waiter(int tid) {
  return std::find(g_waiters.tids, g_waiters.tids + g_waiters.count, tid) != g_waiters.tids + g_waiters.count;
}

// Whether one of them holds a lock by its own record.
bool is_told_by_a_lock(int owner) {
  bool is_told = false;
  for_each_hold(UINT64_MAX, [&](const HoldView& hold) {
    is_told |= !hold.gone && !is_inferred(hold.sites[0].pc) && (hold.tid == owner || is_waiter(hold.tid));
  });
  return is_told;
}

void infer_stall(const Suspect& suspect) {
  const LockWord stream = lock_word_of(suspect.stream);
  g_waiters.stream = stream;
  g_waiters.count = g_waiters.threads = 0;
  for_each_thread(list_waiter);
  if (g_waiters.count == 0 || is_told_by_a_lock(suspect.owner)) return;
  if (infer_owner(stream, suspect.since_ns) == nullptr) return;
  for (size_t i = 0; i < g_waiters.count; ++i)
    if (!waits_by_record(g_waiters.tids[i])) infer({Whereabouts::here, g_waiters.tids[i]}, stream, true);
}

void examine(Suspect& suspect, const Timing& timing) {
  if (!suspect.is_looked_up) look_up(suspect);
  LockWord held;
  const bool is_waited = suspect.stream != nullptr && is_waited_for(suspect.stream);
  const LockWord stream = is_waited ? lock_word_of(suspect.stream) : LockWord();
  const int owner = is_waited ? owner_of(stream, &held) : 0;
  const uint64_t switches = owner == 0 ? 0 : switches_asleep(0, owner);
  const uint64_t limit_ns = is_waited ? timing.limits().of(stream) : kNoLimit;
  if (switches == 0 || limit_ns == kNoLimit) {
    suspect.owner = 0;
    return;
  }
  if (suspect.owner != owner || suspect.switches != switches) {
    suspect.owner = owner;
    suspect.switches = switches;
    suspect.since_ns = timing.now_ns();
    suspect.due_ns = timing.now_ns() + timing.wake_period_ns();
    return;
  }
  if (timing.now_ns() < suspect.due_ns) return;
  suspect.due_ns = timing.now_ns() + limit_ns;
  infer_stall(suspect);
}

}  // namespace

void examine_standard_streams(const Timing& timing) {
  for (Suspect& suspect : g_suspects) examine(suspect, timing);
}

void forget_standard_streams() {
  for (Suspect& suspect : g_suspects) suspect.owner = 0;
}

}  // namespace holdwatch
