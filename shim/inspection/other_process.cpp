// See other_process.h.
#include "shim/inspection/other_process.h"

#include <sys/syscall.h>

#include <cerrno>
#include <ctime>

#include <optional>

#include "shim/base/clock.h"
#include "shim/common/glibc/futex_wait.h"
#include "shim/common/kernel/system_call.h"
#include "shim/common/text/text_buffer.h"
#include "shim/inspection/local_memory.h"
#include "shim/inspection/task_files.h"
#include "shim/inspection/waiting_call.h"

namespace holdwatch {
namespace {

// Processes count from the boot (proc(5)), and so do not stop while the machine sleeps.
bool was_there_before(int pid, uint64_t monotonic_time_ns) {
  uint64_t started_ns = 0;
  const uint64_t ago_ns = monotonic_ns() - monotonic_time_ns;
  return read_start_time(pid, &started_ns) == 0 && started_ns + ago_ns <= clock_ns(CLOCK_BOOTTIME);
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

}  // namespace

namespace {

// In the initial pid namespace (PROC_PID_INIT_INO, linux/proc_ns.h), if /proc does not hide other users' processes.
bool are_all_processes_visible() {
  constexpr std::string_view kInitial = "pid:[4026531836]";
  char link[2 * kInitial.size()];
  const long length = system_call(SYS_readlink, "/proc/self/ns/pid", link, sizeof link);
  StatusFile init;
  return length > 0 && std::string_view(link, static_cast<size_t>(length)) == kInitial &&
         read_status_file(1, 1, &init) == 0;
}

// What for_each_process fills. Watcher only.
struct PageSearch {
  FilePage page;
  bool may_be_mapped;
};
constinit PageSearch g_page_search{};

bool may_map_page(int pid, const FilePage& page) {
  Line<32> path;
  path << "/proc/" << pid << "/maps";
  char first;
  const long error = read_proc_file(path.c_str(), &first, sizeof first);
  if (error < 0) return error != -ENOENT && error != -ESRCH;
  return maps_page(pid, page);
}

void look_for_page_in(int pid) {
  StatusFile status;
  if (g_page_search.may_be_mapped || read_status_file(pid, pid, &status) != 0) return;
  const bool has_own_ids = status.innermost_tid != pid;
  g_page_search.may_be_mapped = has_own_ids && may_map_page(pid, g_page_search.page);
}

}  // namespace

bool has_exited_elsewhere(int tid, uintptr_t address) {
  StatusFile status;
  if (read_status_file(tid, tid, &status) != ENOENT || !are_all_processes_visible()) return false;
  g_page_search = {};
  if (!shared_page_at(address, &g_page_search.page) || !for_each_process(look_for_page_in)) return false;
  return !g_page_search.may_be_mapped && read_status_file(tid, tid, &status) == ENOENT;
}

int process_sharing(int tid, uintptr_t address, uint64_t since_ns) {
  StatusFile status;
  if (read_status_file(tid, tid, &status) != 0 || status.process == 0) return 0;
  FilePage page;
  if (!shared_page_at(address, &page) || !maps_page(status.process, page)) return 0;
  return was_there_before(status.process, since_ns) ? status.process : 0;
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
