// See proc_text.h.
#include "symbolizer/tools/attach/proc_text.h"

#include <algorithm>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>

namespace holdwatch::control {

std::string read_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string status_field(std::string_view status, std::string_view name) {
  const std::string key = "\n" + std::string(name) + ":";
  const size_t at = status.find(key);
  if (at == std::string_view::npos) return "";
  std::string_view line = status.substr(at + key.size());
  line = line.substr(0, line.find('\n'));
  const size_t start = line.find_first_not_of(" \t");
  return start == std::string_view::npos ? "" : std::string(line.substr(start));
}

uint64_t status_mask(std::string_view status, std::string_view name) {
  const std::string text = status_field(status, name);
  uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value, 16);
  return value;
}

std::string thread_file(int pid, int tid, const char* name) {
  return "/proc/" + std::to_string(pid) + "/task/" + std::to_string(tid) + "/" + name;
}

std::vector<int> thread_ids(int pid) {
  std::vector<int> ids;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/task", error)) {
    int tid = 0;
    const std::string name = entry.path().filename();
    std::from_chars(name.data(), name.data() + name.size(), tid);
    if (tid > 0) ids.push_back(tid);
  }
  return ids;
}

std::string describe_process(int pid) {
  std::string name = read_text("/proc/" + std::to_string(pid) + "/comm");
  if (!name.empty() && name.back() == '\n') name.pop_back();
  return std::to_string(pid) + " (" + name + ")";
}

namespace {

// It has its memory yet, and is not about to be killed: the threads of a process end one after the other.
bool thread_lives(int pid, int tid) {
  constexpr uint64_t kKilled = uint64_t{1} << (SIGKILL - 1);
  const std::string status = read_text(thread_file(pid, tid, "status"));
  return !status_field(status, "VmSize").empty() && (status_mask(status, "SigPnd") & kKilled) == 0;
}

}  // namespace

// By its flags (proc_pid_stat(5), include/linux/sched.h).
bool is_of_kernel(int pid) {
  constexpr unsigned kKernelThread = 0x00200000;
  const std::string stat = read_text("/proc/" + std::to_string(pid) + "/stat");
  const size_t name_end = stat.rfind(')');
  unsigned flags = 0;
  return name_end != std::string::npos &&
         std::sscanf(stat.c_str() + name_end, ") %*c %*d %*d %*d %*d %*d %u", &flags) == 1 &&
         (flags & kKernelThread) != 0;
}

bool has_ended(int pid) {
  if (thread_lives(pid, pid) || is_of_kernel(pid)) return false;
  const std::vector<int> others = thread_ids(pid);
  return std::none_of(others.begin(), others.end(), [&](int tid) { return thread_lives(pid, tid); });
}

}  // namespace holdwatch::control
