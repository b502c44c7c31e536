// See process_state.h.
#include "symbolizer/tools/process_state.h"

#include <linux/magic.h>
#include <sys/vfs.h>

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <vector>

#include "shim/common/proc/thread_files.h"
#include "shim/common/text/digits.h"
#include "symbolizer/proc/proc_text.h"

namespace holdwatch {
namespace {

// Whether the thread still has its memory, and is not about to be killed: the threads of a process exit one after the
// other.
bool thread_lives(int pid, int tid) {
  constexpr uint64_t kKilled = uint64_t{1} << (SIGKILL - 1);
  const std::string status = read_text(thread_file(pid, tid, "status"));
  return status_field(status, "VmSize") && (status_mask(status, "SigPnd").value_or(0) & kKilled) == 0;
}

bool is_proc(const std::string& directory) {
  struct statfs system;
  return statfs(directory.c_str(), &system) == 0 && system.f_type == PROC_SUPER_MAGIC;
}

}  // namespace

bool has_proc() {
  return is_proc("/proc");
}

bool sees_proc(int pid) {
  return is_proc(process_file(pid, "root/proc"));
}

std::string describe_process(int pid) {
  std::string name = read_text(process_file(pid, "comm"));
  if (!name.empty() && name.back() == '\n') name.pop_back();
  return std::to_string(pid) + " (" + name + ")";
}

// According to its flags (proc_pid_stat(5), include/linux/sched.h).
bool is_of_kernel(int pid) {
  constexpr int kFlags = 9;
  constexpr uint64_t kKernelThread = 0x00200000;
  return (stat_number(read_text(process_file(pid, "stat")), kFlags).value_or(0) & kKernelThread) != 0;
}

bool has_ended(int pid) {
  if (thread_lives(pid, pid) || is_of_kernel(pid)) return false;
  const std::vector<int> others = thread_ids(pid);
  return std::none_of(others.begin(), others.end(), [&](int tid) { return thread_lives(pid, tid); });
}

int ptrace_scope() {
  return static_cast<int>(leading_number(read_text("/proc/sys/kernel/yama/ptrace_scope")));
}

}  // namespace holdwatch
