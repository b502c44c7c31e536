// See access.h.
#include "symbolizer/tools/inspect/access.h"

#include <elf.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>

#include "shim/common/proc/thread_files.h"
#include "shim/inspection/task_files.h"
#include "symbolizer/tools/inspect/task_look.h"

namespace holdwatch {
namespace {

std::string proc_path(int pid, const char* name) {
  return "/proc/" + std::to_string(pid) + "/" + name;
}

std::string subject(int pid) {
  return "process " + std::to_string(pid);
}

// A number field of /proc/PID/status, -1 if there is no such process.
int status_field(int pid, std::string_view key) {
  std::ifstream file(proc_path(pid, "status"));
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(key)) return std::atoi(line.c_str() + key.size());
  }
  return -1;
}

// The Yama security module's setting, 0 where it is not in use (Documentation/admin-guide/LSM/Yama.rst).
int ptrace_scope() {
  std::ifstream file("/proc/sys/kernel/yama/ptrace_scope");
  int scope = 0;
  return file >> scope ? scope : 0;
}

std::string why_no_permission(int pid) {
  constexpr int kNobody = 3;
  struct stat owner {};
  if (ptrace_scope() == kNobody) {
    return subject(pid) + " cannot be inspected: kernel.yama.ptrace_scope is 3, which only a reboot changes";
  }
  if (geteuid() == 0) {
    return subject(pid) + " cannot be inspected: root here lacks CAP_SYS_PTRACE (a container?); run it on the host";
  }
  if (stat(proc_path(pid, "").c_str(), &owner) == 0 && owner.st_uid != geteuid()) {
    return subject(pid) + " belongs to another user or is not dumpable: run this as root (sudo)";
  }
  if (ptrace_scope() != 0) {
    return subject(pid) + " cannot be inspected: kernel.yama.ptrace_scope is " + std::to_string(ptrace_scope()) +
           "; run this as root (sudo)";
  }
  return subject(pid) + " cannot be inspected: run this as root (sudo)";
}

// A thread of the process that has not exited. Of one that has, as the main thread by pthread_exit, what /proc shows belongs to root
// (task_dump_owner in fs/proc/base.c).
int living_thread(int process) {
  for (const int tid : thread_ids(process)) {
    StatusFile status;
    const auto text = read_text(task_file(process, tid, "status"), kStatusSize);
    if (text && parse_status(*text, &status) && status.state != 'Z' && status.state != 'X') return tid;
  }
  return process;
}

std::string name_of(const Module& module) {
  return module.path.substr(module.path.rfind('/') + 1);
}

bool is_32_bit(int pid) {
  const int file = open(proc_path(pid, "exe").c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return false;
  unsigned char ident[EI_NIDENT] = {};
  const ssize_t got = read(file, ident, sizeof ident);
  close(file);
  return got == EI_NIDENT && std::memcmp(ident, ELFMAG, SELFMAG) == 0 && ident[EI_CLASS] == ELFCLASS32;
}

}  // namespace

std::optional<int> process_to_inspect(int pid, std::string& why) {
  const int process = status_field(pid, "Tgid:\t");
  if (process < 0) {
    why = "no such process: " + std::to_string(pid);
    return std::nullopt;
  }
  char text[256];
  const int thread = living_thread(process);
  const long read = read_proc_file(proc_path(thread, "syscall").c_str(), text, sizeof text);
  if (read == -EACCES || read == -EPERM) {
    why = why_not_readable(process);
    return std::nullopt;
  }
  if (is_32_bit(thread)) {
    why = subject(process) + " is a 32-bit program: only x86-64 programs can be inspected";
    return std::nullopt;
  }
  return process;
}

std::string why_not_readable(int pid) {
  if (status_field(pid, "Tgid:\t") < 0) return subject(pid) + " has exited meanwhile";
  std::ifstream status(proc_path(pid, "status"));
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("State:\tZ"))
      return subject(pid) + " has exited and is a zombie: its parent has not waited for it";
  }
  char path[16];
  if (readlink(proc_path(pid, "exe").c_str(), path, sizeof path) < 0 && errno == ENOENT)
    return subject(pid) + " is a kernel thread, which has no locks to inspect";
  return why_no_permission(pid);
}

std::string why_not_supported(const Modules& modules) {
  for (const auto& module : modules.all()) {
    const std::string name = name_of(*module);
    // glibc's has a number: libc.so.6.
    if (name.starts_with("ld-musl") || name == "libc.so") {
      return "its C library is musl (" + module->path + "): only glibc's locks are known";
    }
  }
  return "";
}

bool has_glibc(const Modules& modules) {
  return std::any_of(modules.all().begin(), modules.all().end(), [](const auto& module) {
    const std::string name = name_of(*module);
    return name.starts_with("libc.so.") || name.starts_with("libc-2.");
  });
}

}  // namespace holdwatch
