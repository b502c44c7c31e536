// See other_process.h.
#include "shim/inspection/other_process.h"

#include <ctime>

#include <optional>

#include "shim/base/clock.h"
#include "shim/common/glibc/futex_wait.h"
#include "shim/inspection/local_memory.h"
#include "shim/inspection/pid_namespace.h"
#include "shim/inspection/task_files.h"
#include "shim/inspection/waiting_call.h"

namespace holdwatch {
namespace {

// Threads count from the boot (proc(5)), and so do not stop while the machine sleeps.
bool was_there_before(int pid, int tid, uint64_t monotonic_time_ns) {
  uint64_t started_ns = 0;
  const uint64_t ago_ns = monotonic_ns() - monotonic_time_ns;
  return read_start_time(pid, tid, &started_ns) == 0 && started_ns + ago_ns <= clock_ns(CLOCK_BOOTTIME);
}

ThreadState state_of(char letter) {
  switch (letter) {
    case 'Z':
    case 'X':
      return ThreadState::gone;
    case 'T':
    case 't':
      return ThreadState::stopped;
    case 'R':
      return ThreadState::running;
    default:
      return ThreadState::blocked;
  }
}

// What the visits to processes and threads fill. Watcher only.
struct OwnerLook {
  static constexpr size_t kMaxThreads = 4096;
  SharedOwnerSearch search;
  SharedPage memory;
  int id;
  uint64_t since_ns;
  int pid;  // of the process whose threads are visited
  MapsLock maps;
  size_t threads;
};
constinit OwnerLook g_look{};

void add_thread(int pid, int tid, MapsLock maps) {
  g_look.search.add_thread(pid, tid, maps, was_there_before(pid, tid, g_look.since_ns));
}

void look_at_thread_of_other_namespace(int tid) {
  StatusFile status;
  if (++g_look.threads > OwnerLook::kMaxThreads || read_status_file(g_look.pid, tid, &status) != 0) return;
  if (status.innermost_tid == g_look.id && !status.has_exited()) add_thread(g_look.pid, tid, g_look.maps);
}

void look_at_process(int pid) {
  StatusFile status;
  if (read_status_file(pid, pid, &status) != 0 || !status.has_own_ids()) return;
  g_look.maps = maps_page(pid, g_look.memory.page);
  if (g_look.maps == MapsLock::no) return;
  g_look.search.add_process_of_other_namespace(g_look.maps);
  g_look.pid = pid;
  for_each_thread_of(pid, look_at_thread_of_other_namespace);
}

// Of our own namespace, where a thread has one id.
void look_at_id() {
  StatusFile status;
  if (read_status_file(g_look.id, g_look.id, &status) != 0 || status.process == 0 || status.has_own_ids()) return;
  if (!status.has_exited()) add_thread(status.process, g_look.id, maps_page(status.process, g_look.memory.page));
}

}  // namespace

SharedOwner find_shared_owner(int id, uintptr_t address, uint64_t since_ns) {
  g_look = {};
  g_look.id = id;
  g_look.since_ns = since_ns;
  if (!proc_shows_us() || !shared_page_at(address, &g_look.memory)) return {};
  look_at_id();
  const bool listed = for_each_process(look_at_process) && g_look.threads <= OwnerLook::kMaxThreads;
  return g_look.search.result(listed && are_all_sharers_visible(g_look.memory));
}

int process_of_thread(int tid) {
  StatusFile status;
  return read_status_file(tid, tid, &status) == 0 && !status.has_own_ids() ? status.process : 0;
}

SleepElsewhere sleep_of_thread(int pid, int tid) {
  SleepElsewhere out;
  SyscallFile place;
  if (read_syscall_file(pid, tid, &place) != 0 || place.kind != SyscallFile::Kind::in_call) return out;
  const std::optional<FutexWait> wait = futex_wait(place.call);
  // A mutex that inherits priority is never waited for in a cycle: the kernel refuses that.
  if (!wait || !wait->is_shared || wait->has_timeout || wait->inherits) return out;
  uintptr_t words[SleepElsewhere::kMax];
  out.count = shared_addresses_of(pid, wait->word, words, SleepElsewhere::kMax);
  for (size_t i = 0; i < out.count; ++i) {
    out.calls[i] = place;
    out.calls[i].call.arguments[0] = words[i];
  }
  return out;
}

LockWord wanted_elsewhere(int pid, int tid, LockWord lock) {
  const SleepElsewhere sleep = sleep_of_thread(pid, tid);
  for (size_t i = 0; i < sleep.count; ++i)
    if (sleeps_for(sleep.calls[i], lock)) return wanted_of(sleep.calls[i], lock);
  return {};
}

ThreadElsewhere look_at_thread(int pid, int tid) {
  ThreadElsewhere out{};
  StatusFile status;
  out.state = ThreadState::gone;
  read_thread_name(pid, pid, out.process);
  if (read_thread_name(pid, tid, out.thread) != 0 || read_status_file(pid, tid, &status) != 0) return out;
  out.state = state_of(status.state);
  return out;
}

}  // namespace holdwatch
