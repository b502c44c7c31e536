// See access.h.
#include "symbolizer/tools/inspect/access.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "shim/common/elf/headers.h"
#include "shim/common/elf/open_file.h"
#include "shim/common/proc/thread_files.h"
#include "symbolizer/proc/proc_text.h"
#include "symbolizer/tools/process_state.h"
#include "symbolizer/waits/glibc_version.h"

namespace holdwatch {
namespace {

std::string subject(int pid) {
  return "process " + std::to_string(pid);
}

std::string why_no_permission(int pid) {
  constexpr int kNobody = 3;
  struct stat owner {};
  const int scope = ptrace_scope();
  if (scope == kNobody) {
    return "cannot inspect " + subject(pid) + ": kernel.yama.ptrace_scope is 3, which forbids it until the next reboot";
  }
  if (geteuid() == 0) {
    return "cannot inspect " + subject(pid) + ": root here lacks CAP_SYS_PTRACE (a container?); run it on the host";
  }
  if (stat(process_file(pid, "").c_str(), &owner) == 0 && owner.st_uid != geteuid()) {
    return "cannot inspect " + subject(pid) +
           ": it belongs to another user or is not dumpable; run this as root (sudo)";
  }
  if (scope != 0) {
    return "cannot inspect " + subject(pid) + ": kernel.yama.ptrace_scope is " + std::to_string(scope) +
           "; run this as root (sudo)";
  }
  return "cannot inspect " + subject(pid) + ": permission denied; run this as root (sudo)";
}

// A thread of the process that has not exited. If a thread has, such as the main thread after pthread_exit, its files
// in /proc belong to root (task_dump_owner in fs/proc/base.c).
int living_thread(int process) {
  for (const int tid : thread_ids(process)) {
    StatusFile status;
    if (parse_status(read_text(thread_file(process, tid, "status")), &status) && status.state != 'Z' &&
        status.state != 'X')
      return tid;
  }
  return process;
}

std::string name_of(const Module& module) {
  return module.path.substr(module.path.rfind('/') + 1);
}

bool is_32_bit(int pid) {
  Elf64_Ehdr header;
  return read_elf_header(OpenFile(process_file(pid, "exe").c_str()), 0, &header) == ElfKind::of_32_bits;
}

}  // namespace

std::optional<int> process_to_inspect(int pid, std::string& why) {
  const auto tgid = status_number(read_text(process_file(pid, "status")), "Tgid");
  if (!tgid) {
    why = "no such process: " + std::to_string(pid);
    return std::nullopt;
  }
  const int process = static_cast<int>(*tgid);
  const int thread = living_thread(process);
  int error = 0;
  read_text(process_file(thread, "syscall"), &error);
  if (error == EACCES || error == EPERM) {
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
  const std::string status = read_text(process_file(pid, "status"));
  if (!status_number(status, "Tgid")) return subject(pid) + " has exited";
  if (status_field(status, "State").value_or("").starts_with('Z'))
    return subject(pid) + " has exited and is a zombie: its parent has not waited for it";
  char path[16];
  if (readlink(process_file(pid, "exe").c_str(), path, sizeof path) < 0 && errno == ENOENT)
    return subject(pid) + " is a kernel thread, which has no locks to inspect";
  return why_no_permission(pid);
}

std::string why_not_supported(const Modules& modules) {
  for (const auto& module : modules.all()) {
    const std::string name = name_of(*module);
    // glibc's name contains a version: libc.so.6.
    if (name.starts_with("ld-musl") || name == "libc.so") {
      return "its C library is musl (" + module->path + "): only glibc's locks are known";
    }
  }
  return "";
}

bool has_glibc(const Modules& modules) {
  return glibc_of(modules) != nullptr;
}

}  // namespace holdwatch
