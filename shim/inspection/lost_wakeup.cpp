// See lost_wakeup.h.
#include "shim/inspection/lost_wakeup.h"

#include <sys/syscall.h>

#include <algorithm>

#include "shim/common/kernel/system_call.h"
#include "shim/common/waits/lost_wakeup.h"
#include "shim/inspection/inside_call.h"
#include "shim/inspection/ownership.h"
#include "shim/inspection/task_files.h"
#include "shim/inspection/waiting_call.h"

namespace holdwatch {
namespace {

constexpr size_t kMaxPending = 64;
constexpr uint64_t kLeastPauseNs = 5'000'000;  // between two looks that count

// A thread that sleeps in a system call: not one that runs, is stopped, or waits for a page.
struct Sleep {
  bool known = false;
  uint64_t switches = 0;
  SyscallFile place;
  char channel[kWaitChannelSize];
};

Sleep sleep_of(int tid) {
  Sleep sleep;
  StatusFile status;
  sleep.known = read_status_file(tid, &status) == 0 && status.state == 'S' &&
                read_syscall_file(tid, &sleep.place) == 0 && sleep.place.kind == SyscallFile::Kind::in_call &&
                read_wait_channel(tid, sleep.channel) == 0;
  sleep.switches = status.switches();
  return sleep;
}

bool is_queued_for(const Sleep& sleep, LockWord lock) {
  return sleep.known && sleeps_for(sleep.place, lock) && !wanted_of(sleep.place, lock).timeout() &&
         is_in_futex_queue(sleep.channel);
}

// Neither about to wake a waiter, nor about to take the lock.
bool is_elsewhere(int tid) {
  if (tid == static_cast<int>(system_call(SYS_gettid))) return true;
  const Sleep sleep = sleep_of(tid);
  return sleep.known && sleeps_by_itself(sleep.channel) && !may_be_in_handler(sleep.place.sp);
}

bool has_exited(int tid) {
  StatusFile status;
  return read_status_file(tid, &status) != 0 || status.state == 'Z' || status.state == 'X';
}

// What is known of one lock since the first look.
struct Suspect {
  LockWord lock;
  int sleeper;
  uint64_t switches;  // its own, which grow when it runs
  uint64_t since_ns, looked_ns;
  unsigned looks;
  bool listed;               // all threads have been listed
  int pending[kMaxPending];  // those that were not seen asleep elsewhere yet
  size_t pending_count;
};
constinit Suspect g_suspects[8] = {};

Suspect* find(LockWord lock) {
  for (Suspect& suspect : g_suspects)
    if (suspect.looks != 0 && suspect.lock.is_same_lock(lock)) return &suspect;
  return nullptr;
}

// Whether the sleeper has slept for the lock, which is free, since `suspect` was begun.
bool lasts(const Suspect& suspect) {
  const Sleep sleep = sleep_of(suspect.sleeper);
  return is_queued_for(sleep, suspect.lock) && sleep.switches == suspect.switches && is_there_for_taking(suspect.lock);
}

// The one that was looked at longest ago makes room.
void begin(LockWord lock, LockIndex& lock_index, uint64_t now_ns) {
  Suspect& suspect = *std::min_element(std::begin(g_suspects), std::end(g_suspects),
                                       [](const Suspect& a, const Suspect& b) { return a.looked_ns < b.looked_ns; });
  suspect = Suspect{};
  lock_index.for_each_wait_for(lock, [&](const WaitView& wait) {
    if (suspect.looks != 0 || wait.word.condition() || wait.word.timeout()) return;
    const Sleep sleep = sleep_of(wait.tid);
    if (!is_queued_for(sleep, lock)) return;
    suspect = {lock, wait.tid, sleep.switches, now_ns, now_ns, 1, false, {}, 0};
  });
}

// What for_each_thread fills. Watcher only.
Suspect* g_listed = nullptr;
size_t g_threads = 0;

void list_thread(int tid) {
  Suspect& suspect = *g_listed;
  if (++g_threads > kMostThreadsLookedAt || suspect.pending_count == kMaxPending || tid == suspect.sleeper) return;
  if (!is_elsewhere(tid)) suspect.pending[suspect.pending_count++] = tid;
}

// Not at the first look: a lock that is used a lot is often free while a waiter has yet to be woken.
void list_threads(Suspect& suspect) {
  g_listed = &suspect;
  g_threads = 0;
  suspect.pending_count = 0;
  for_each_thread(list_thread);
  suspect.listed = g_threads > 0 && g_threads <= kMostThreadsLookedAt && suspect.pending_count < kMaxPending;
}

void drop_those_elsewhere(Suspect& suspect) {
  int* const end = std::remove_if(suspect.pending, suspect.pending + suspect.pending_count,
                                  [](int tid) { return has_exited(tid) || is_elsewhere(tid); });
  suspect.pending_count = static_cast<size_t>(end - suspect.pending);
}

}  // namespace

bool is_wakeup_lost(LockWord lock, LockIndex& lock_index, uint64_t now_ns, uint64_t limit_ns) {
  Suspect* const suspect = find(lock);
  if (!is_there_for_taking(lock)) {
    if (suspect != nullptr) suspect->looks = 0;
    return false;
  }
  if (suspect == nullptr || !lasts(*suspect)) {
    if (suspect != nullptr) *suspect = Suspect{};
    begin(lock, lock_index, now_ns);
    return false;
  }
  if (now_ns >= suspect->looked_ns + kLeastPauseNs) {
    suspect->looked_ns = now_ns;
    ++suspect->looks;
    if (suspect->listed)
      drop_those_elsewhere(*suspect);
    else
      list_threads(*suspect);
    if (!lasts(*suspect)) suspect->looks = 0;
  }
  return suspect->looks >= kLeastLooksAtFreeLock && suspect->listed && suspect->pending_count == 0 &&
         now_ns - suspect->since_ns >= limit_ns;
}

void forget_lost_wakeups() {
  for (Suspect& suspect : g_suspects) suspect = Suspect{};
}

}  // namespace holdwatch
