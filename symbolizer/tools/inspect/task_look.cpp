// See task_look.h.
#include "symbolizer/tools/inspect/task_look.h"

#include <dirent.h>

#include <algorithm>
#include <cstdlib>

#include "shim/inspection/task_files.h"

namespace holdwatch {
namespace {

constexpr size_t kSyscallSize = 256;

ThreadState state_of(char letter, const SyscallFile& call) {
  if (letter == 'Z' || letter == 'X') return ThreadState::gone;
  if (letter == 'T' || letter == 't') return ThreadState::stopped;
  return call.kind == SyscallFile::Kind::running ? ThreadState::running : ThreadState::blocked;
}

}  // namespace

std::string task_file(int pid, int tid, const char* name) {
  return "/proc/" + std::to_string(pid) + "/task/" + std::to_string(tid) + "/" + name;
}

std::optional<std::string> read_text(const std::string& path, size_t most) {
  std::string text(most, '\0');
  const long length = read_proc_file(path.c_str(), text.data(), text.size());
  if (length < 0) return std::nullopt;
  text.resize(static_cast<size_t>(length));
  return text;
}

std::vector<int> thread_ids(int pid) {
  std::vector<int> ids;
  DIR* directory = opendir(("/proc/" + std::to_string(pid) + "/task").c_str());
  if (directory == nullptr) return ids;
  while (const dirent* entry = readdir(directory)) {
    if (entry->d_name[0] != '.') ids.push_back(std::atoi(entry->d_name));
  }
  closedir(directory);
  std::sort(ids.begin(), ids.end());
  return ids;
}

// "status" first: if the thread runs between the two, its switches differ when they are compared later.
bool look_at_task(int pid, int tid, Task& out) {
  const auto status_text = read_text(task_file(pid, tid, "status"), kStatusSize);
  StatusFile status;
  if (!status_text || !parse_status(*status_text, &status)) return false;
  const auto call_text = read_text(task_file(pid, tid, "syscall"), kSyscallSize);
  const SyscallFile call = parse_syscall(call_text.value_or(""));
  out = Task{};
  out.tid = tid;
  out.own_tid = status.innermost_tid == 0 ? tid : status.innermost_tid;
  Snapshot& snapshot = out.snapshot;
  snapshot.tid = tid;
  snapshot.state = state_of(status.state, call);
  snapshot.switches = status.switches();
  snapshot.switches_known = true;
  snapshot.call = call.call;
  snapshot.in_page_fault = call.kind == SyscallFile::Kind::blocked_outside && snapshot.state == ThreadState::blocked;
  if (call.kind == SyscallFile::Kind::in_call || call.kind == SyscallFile::Kind::blocked_outside) {
    snapshot.registers.ip = call.pc;
    snapshot.registers.sp = call.sp;
    snapshot.registers.known = Registers::kIp | Registers::kSp;
    snapshot.registers.ip_is_exact = true;
  }
  return true;
}

}  // namespace holdwatch
