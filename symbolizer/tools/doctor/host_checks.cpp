// See host_checks.h.
#include "symbolizer/tools/doctor/host_checks.h"

#include <dlfcn.h>
#include <gnu/libc-version.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <climits>
#include <filesystem>

#include "shim/common/glibc/version_names.h"
#include "symbolizer/proc/proc_text.h"
#include "symbolizer/symbols/program_file.h"
#include "symbolizer/tools/launcher/library_check.h"
#include "symbolizer/tools/missing_libraries.h"
#include "symbolizer/tools/process_state.h"

namespace holdwatch {
namespace {

// What the loader prints to standard error when `library` is preloaded into a program that does nothing else.
std::string complaint_of_loader(const std::string& library) {
  int ends[2];
  if (pipe(ends) != 0) return "";
  const std::string variable = "LD_PRELOAD=" + library;
  const pid_t child = fork();
  if (child == 0) {
    dup2(ends[1], STDERR_FILENO);
    char program[] = "true";
    char* arguments[] = {program, nullptr};
    char* environment[] = {const_cast<char*>(variable.c_str()), nullptr};
    execve("/bin/true", arguments, environment);
    _exit(0);
  }
  close(ends[1]);
  std::string text;
  char part[512];
  for (ssize_t got; (got = read(ends[0], part, sizeof part)) > 0;) text.append(part, static_cast<size_t>(got));
  close(ends[0]);
  if (child > 0) waitpid(child, nullptr, 0);
  return text.substr(0, text.find('\n'));
}

void check_library(const std::string& library, Findings& findings) {
  Line<PATH_MAX + 128> obstacle;
  write_library_obstacle(library.c_str(), obstacle);
  if (obstacle.size() != 0) {
    findings.obstacle("library", obstacle.c_str());
    return;
  }
  if (const std::string complaint = complaint_of_loader(library); !complaint.empty()) {
    findings.obstacle("library", "the loader says: " + complaint);
    return;
  }
  findings.fine("library", library + " loads");
}

void check_symbolizer(const std::string& library, Findings& findings) {
  const std::string why_not = why_symbolizer_not_loaded(library);
  if (why_not.empty()) {
    findings.fine("names", "libholdwatch-symbolizer.so loads, for names, lines and full stacks");
  } else {
    findings.note("names",
                  "reports have no names and no full stacks, and go to standard error only: the symbolizer " + why_not);
  }
}

void check_glibc(const std::string& library, Findings& findings) {
  utsname kernel;
  uname(&kernel);
  const std::string version = gnu_get_libc_version();
  if (std::string_view(kernel.machine) != "x86_64") {
    findings.obstacle("machine", std::string("this is ") + kernel.machine + "; only x86-64 is supported");
    return;
  }
  const ProgramFile file(library);
  const unsigned needed = file.is_readable() ? file.glibc_minor() : 0;
  const unsigned here = present_glibc_minor();
  if (needed > here) {
    findings.obstacle("machine", "glibc here is " + version + ", but the library was built for 2." +
                                     std::to_string(needed) + "; build it on this machine");
  } else {
    findings.fine("machine", std::string("x86-64, Linux ") + kernel.release + ", glibc " + version);
  }
}

void check_libc_debug_data(Findings& findings) {
  Dl_info info;
  if (dladdr(reinterpret_cast<void*>(&gnu_get_libc_version), &info) == 0) return;
  const ProgramFile libc(info.dli_fname);
  if (!libc.is_readable()) return;
  if (libc.debug_data() == ProgramFile::DebugData::lines) {
    findings.fine("libc", "debug data for libc is installed");
  } else {
    findings.note("libc",
                  "no debug data for libc: its functions appear without lines; on Debian: apt-get install "
                  "libc6-dbg");
  }
}

// It restricts only processes that look from outside. Without /proc nobody can look, and the setting cannot be read.
void check_yama(Findings& findings) {
  if (!has_proc()) return;
  const int scope = ptrace_scope();
  if (scope == 0) {
    findings.fine("yama", "processes of the same user can be traced");
  } else if (scope == 3) {
    findings.note("yama",
                  "kernel.yama.ptrace_scope is 3: no process can be traced until the next reboot; use holdwatch run");
  } else if (geteuid() != 0) {
    findings.note("yama", "kernel.yama.ptrace_scope is " + std::to_string(scope) +
                              ": only root can trace a running process; use sudo, or holdwatch run");
  } else {
    findings.fine("yama", "root can trace processes");
  }
}

void check_proc(Findings& findings) {
  if (!has_proc()) {
    findings.note(
        "proc",
        "/proc is not mounted: reports cannot show where threads are, and only run, doctor and inspect --core work; "
        "to mount it, as root: mount -t proc proc /proc");
  } else if (read_text("/proc/self/syscall").empty()) {
    findings.note("proc", "/proc/PID/syscall cannot be read: reports lack the stacks of blocked holders");
  } else {
    findings.fine("proc", "/proc shows where threads are");
  }
}

void check_systemd(Findings& findings) {
  if (access("/run/systemd/journal/socket", W_OK) == 0) {
    findings.fine("journal", "the systemd journal is available for --log journal");
  } else {
    findings.fine("journal", "no systemd journal: --log journal would fall back to standard error");
  }
}

}  // namespace

void check_host(const std::string& library, Findings& findings) {
  check_glibc(library, findings);
  check_library(library, findings);
  check_symbolizer(library, findings);
  check_libc_debug_data(findings);
  check_proc(findings);
  check_yama(findings);
  check_systemd(findings);
}

}  // namespace holdwatch
