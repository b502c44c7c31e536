// See other_process.h.
#include "shim/inspection/other_process.h"

#include <ctime>

#include "shim/base/clock.h"
#include "shim/common/text/text_buffer.h"
#include "shim/inspection/local_memory.h"
#include "shim/inspection/task_files.h"

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

int process_sharing(int tid, uintptr_t address, uint64_t since_ns) {
  StatusFile status;
  if (read_status_file(tid, tid, &status) != 0 || status.process == 0) return 0;
  FilePage page;
  if (!shared_page_at(address, &page) || !maps_page(status.process, page)) return 0;
  return was_there_before(status.process, since_ns) ? status.process : 0;
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
