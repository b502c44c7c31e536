// See checks.h.
#include "symbolizer/tools/attach/checks.h"

#include <fcntl.h>
#include <pwd.h>
#include <sys/ptrace.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "shim/common/elf/headers.h"
#include "shim/common/elf/open_file.h"
#include "shim/common/kernel/seccomp_filter.h"
#include "shim/common/proc/thread_files.h"
#include "symbolizer/proc/proc_text.h"
#include "symbolizer/tools/attach/library.h"
#include "symbolizer/tools/attach/refusal.h"
#include "symbolizer/tools/process_state.h"

namespace holdwatch::attach {
namespace {

int process_in(const std::string& status, const char* field) {
  return static_cast<int>(status_number(status, field).value_or(0));
}

bool is_in_state(const std::string& status, char letter) {
  return status_field(status, "State").value_or("").starts_with(letter);
}

std::string user_name(unsigned uid) {
  const passwd* entry = getpwuid(uid);
  return entry != nullptr ? entry->pw_name : "user " + std::to_string(uid);
}

[[noreturn]] void refuse_access(int pid, const std::string& status) {
  const auto owner = static_cast<unsigned>(status_number(status, "Uid").value_or(0));
  const std::string who = describe_process(pid);
  if (geteuid() != 0 && owner != geteuid())
    throw Refusal(who + " belongs to " + user_name(owner) + ": run this as " +
                  (owner == 0 ? "" : user_name(owner) + " or as ") + "root (sudo)");
  const int yama = ptrace_scope();
  if (yama == 3) throw Refusal("this machine forbids all tracing until the next reboot (kernel.yama.ptrace_scope = 3)");
  if (yama > 0 && geteuid() != 0)
    throw Refusal("this machine lets only root trace running processes (kernel.yama.ptrace_scope = " +
                  std::to_string(yama) + "): run this as root (sudo)");
  if (geteuid() != 0)
    throw Refusal(
        who +
        " has changed its privileges since it started, so that its own user may not trace it: run this as root (sudo)");
  throw Refusal(
      who +
      " cannot be traced from here: this command lacks CAP_SYS_PTRACE (a container?); run it as root on the host");
}

void refuse_if_stopped(const std::string& who, const std::string& status) {
  if (is_in_state(status, 'T'))
    throw Refusal(who + " is stopped: resume it first (kill -CONT " + std::to_string(process_in(status, "Pid")) + ")");
}

void check_state(const std::string& who, const std::string& status) {
  refuse_if_stopped(who, status);
  if (const int tracer = process_in(status, "TracerPid"); tracer != 0)
    throw Refusal(who + " is being traced by " + describe_process(tracer) + ": wait until that has finished");
}

void check_executable(int pid, const std::string& who) {
  Elf64_Ehdr header;
  switch (read_elf_header(OpenFile(process_file(pid, "exe").c_str()), 0, &header)) {
    case ElfKind::none:
      throw Refusal(who + ": its program file cannot be read");
    case ElfKind::of_32_bits:
      throw Refusal(who + " is a 32-bit program: only x86-64 programs can be watched");
    case ElfKind::other_machine:
      throw Refusal(who + " is not an x86-64 program: only x86-64 programs can be watched");
    case ElfKind::ours:
      break;
  }
}

void check_libc(AttachTarget& target, const std::string& who) {
  if (target.libc() != nullptr) return;
  for (const auto& module : target.modules().all()) {
    if (module->path.find("musl") != std::string::npos)
      throw Refusal(who + " uses musl as its C library: only programs with glibc can be watched");
    if (module->path.find("/ld-linux") != std::string::npos)
      throw Refusal(who + " has not loaded its C library yet: try again once it runs");
  }
  throw Refusal(who +
                " is statically linked: its lock calls cannot be redirected; holdwatch inspect shows which threads "
                "wait for which");
}

// Filters of containers make calls fail, which is harmless; only root may read them.
bool all_filters_are_harmless(int stopped_tid) {
  constexpr int kMaxFilters = 256;
  for (int index = 0; index < kMaxFilters; ++index) {
    const long length = ptrace(PTRACE_SECCOMP_GET_FILTER, stopped_tid, index, nullptr);
    if (length < 0) return errno == ENOENT;
    std::vector<sock_filter> program(static_cast<size_t>(length));
    if (ptrace(PTRACE_SECCOMP_GET_FILTER, stopped_tid, index, program.data()) != length) return false;
    if (!std::all_of(program.begin(), program.end(), is_harmless)) return false;
  }
  return false;
}

}  // namespace

int open_memory(int pid) {
  const std::string status = read_text(process_file(pid, "status"));
  if (status.empty()) throw Refusal("no such process: " + std::to_string(pid));
  if (const int process = process_in(status, "Tgid"); process != pid)
    throw Refusal(std::to_string(pid) + " is a thread of process " + describe_process(process) +
                  ": use that process id");
  if (has_ended(pid)) throw Refusal(describe_process(pid) + " has already exited");
  if (is_of_kernel(pid)) throw Refusal(describe_process(pid) + " is a kernel thread");
  if (is_in_state(status, 'Z'))
    throw Refusal(
        describe_process(pid) +
        ": its main thread, through which its memory is accessed, has exited: start it with holdwatch run instead");
  // When it is opened, the kernel makes all its checks: user, capabilities, yama, security modules.
  const int memory = open(process_file(pid, "mem").c_str(), O_RDWR | O_CLOEXEC);
  if (memory < 0 && errno == ENOENT) throw Refusal("process " + std::to_string(pid) + " has exited");
  if (memory < 0) refuse_access(pid, status);
  return memory;
}

void check_running(int pid) {
  refuse_if_stopped(describe_process(pid), read_text(process_file(pid, "status")));
}

void refuse_silent(int pid) {
  const std::string who = describe_process(pid);
  check_state(who, read_text(process_file(pid, "status")));
  throw Refusal(who + " does not respond: its threads get no CPU, or a report is blocked on its reader; try again");
}

void check_loadable(AttachTarget& target) {
  const std::string who = describe_process(target.pid());
  const std::string status = read_text(process_file(target.pid(), "status"));
  check_state(who, status);
  check_executable(target.pid(), who);
  check_libc(target, who);
}

void check_reachable(int pid, const std::string& library) {
  if (sees_the_same_file(pid, library) || sees_proc(pid)) return;
  throw Refusal(describe_process(pid) + " sees other files than this command, without " + library +
                ", and /proc is not mounted there: mount /proc there, or make that file visible there");
}

void check_filters(AttachTarget& target, int stopped_tid) {
  const std::string status = read_text(thread_file(target.pid(), stopped_tid, "status"));
  if (count_seccomp_filters(status) == 0 || all_filters_are_harmless(stopped_tid)) return;
  throw Refusal(describe_process(target.pid()) +
                " has a seccomp filter that might kill it for one of holdwatch's system calls: start it with holdwatch "
                "run instead, which avoids them");
}

}  // namespace holdwatch::attach
