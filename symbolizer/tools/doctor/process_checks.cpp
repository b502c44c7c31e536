// See process_checks.h.
#include "symbolizer/tools/doctor/process_checks.h"

#include <elf.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "shim/common/proc/thread_files.h"
#include "symbolizer/proc/proc_text.h"
#include "symbolizer/report/program_path.h"
#include "symbolizer/symbols/program_file.h"
#include "symbolizer/tools/attach/checks.h"
#include "symbolizer/tools/attach/refusal.h"
#include "symbolizer/tools/doctor/program_checks.h"
#include "symbolizer/tools/doctor/watch_checks.h"
#include "symbolizer/tools/launcher/preload_check.h"
#include "symbolizer/tools/process_state.h"
#include "symbolizer/unwind/auxiliary.h"
#include "symbolizer/unwind/maps_file.h"
#include "symbolizer/unwind/process_memory.h"

namespace holdwatch {
namespace {

namespace fs = std::filesystem;

class Process {
 public:
  explicit Process(pid_t pid) : id_(pid), directory_("/proc/" + std::to_string(pid)), status_(read("status")) {}
  pid_t id() const { return id_; }

  const std::string& directory() const { return directory_; }

  std::string read(const char* name) const { return read_text(directory_ + "/" + name); }
  std::string link(const char* name) const {
    std::error_code failure;
    return fs::read_symlink(directory_ + "/" + name, failure);
  }
  const std::string& status() const { return status_; }
  // The number in a field of its status; 0 if there is none.
  long number(const char* name) const { return static_cast<long>(status_number(status_, name).value_or(0)); }

 private:
  pid_t id_;
  std::string directory_;
  std::string status_;
};

// Empty, or why its memory may not be read, and what to do about that.
std::string why_closed_to_us(pid_t pid) {
  try {
    close(attach::open_memory(pid));
    return "";
  } catch (const attach::Refusal& refusal) {
    return refusal.what();
  }
}

// The path by which it was started, rather than the file that the path leads to.
std::string known_path(const Process& process, pid_t pid) {
  ProcessMemory memory(pid);
  return known_program_path(process.link("exe"), process.directory() + "/exe", started_as(process.read("auxv"), memory),
                            process.directory() + "/root");
}

// Checks whether the loader respected LD_PRELOAD in the environment.
void check_rights(const Process& process, Findings& findings) {
  if (auxiliary_value(process.read("auxv"), AT_SECURE).value_or(0) != 0) {
    findings.obstacle("rights",
                      "it gained privileges when it started (set-user-ID or file capabilities), so the loader ignored "
                      "LD_PRELOAD; start it as the user that it becomes");
  }
}

// In /proc, the files of a process that has changed its user, and has executed nothing since, belong to root
// (PR_SET_DUMPABLE in prctl(2)).
void check_files_of_process(const Process& process, Findings& findings) {
  struct stat status;
  const long user = process.number("Uid");
  if (user == 0 || stat((process.directory() + "/maps").c_str(), &status) != 0 || status.st_uid != 0) return;
  findings.note("user", "it became user " + std::to_string(user) +
                            " after its start, and so may not read the state of its own threads: reports may lack "
                            "stacks; start it as that user (in a unit: User=)");
}

void check_filter(const Process& process, Findings& findings) {
  if (count_seccomp_filters(process.status()) == 0) return;
  findings.note("seccomp",
                "it has a seccomp filter; one set up before it started (by systemd, a container) must allow "
                "holdwatch's calls; after one of its own that may kill, reports have only who, which lock and how "
                "long; for a unit, holdwatch systemd enable UNIT --dry-run shows details");
}

void check_tracer(const Process& process, Findings& findings) {
  const long tracer = process.number("TracerPid");
  if (tracer == 0) return;
  findings.note("traced", "process " + describe_process(static_cast<int>(tracer)) +
                              " is tracing it: holdwatch attach works only after that ends");
}

void check_container(const Process& process, const std::string& library, Findings& findings) {
  const Process self(getpid());
  const bool is_elsewhere = process.link("ns/mnt") != self.link("ns/mnt") || process.link("root") != self.link("root");
  if (!is_elsewhere) return;
  if (access((process.directory() + "/root" + library).c_str(), R_OK) == 0) {
    findings.fine("container", "it has its own root directory or mounts, and the library is there too");
  } else {
    const std::string neither = sees_proc(process.id()) ? " (attach needs neither)" : "";
    findings.note("container", "it has its own root directory or mounts, without " + library +
                                   "; to start it watched, install holdwatch there, or mount its directory" + neither);
  }
}

// Checks the libc that is loaded there, which may be a container's.
void check_libc(const Process& process, const std::string& maps, const std::string& library, Findings& findings) {
  const std::vector<Mapping> mappings = parse_maps(maps);
  const auto found = std::find_if(mappings.begin(), mappings.end(),
                                  [](const Mapping& mapping) { return mapping.path.ends_with("/libc.so.6"); });
  if (found == mappings.end()) return;
  const ProgramFile libc(process.directory() + "/root" + found->path), ours(library);
  if (!libc.is_readable() || !ours.is_readable() || ours.glibc_minor() <= libc.glibc_minor()) return;
  findings.obstacle("libc", "its glibc is 2." + std::to_string(libc.glibc_minor()) +
                                ", but the library was built for 2." + std::to_string(ours.glibc_minor()) +
                                "; build it there");
}

}  // namespace

Coverage check_process(pid_t pid, const std::string& library, Findings& findings) {
  const Process process(pid);
  const std::string why_closed = why_closed_to_us(pid);
  if (process.number("Tgid") != pid) throw attach::Refusal(why_closed);
  if (!status_field(process.status(), "VmSize")) {
    findings.obstacle("process", why_closed);
    return Coverage::complete;
  }
  const std::string maps = process.read("maps");
  if (process.link("exe").empty() || maps.empty()) {
    check_filter(process, findings);
    check_tracer(process, findings);
    findings.note("access", "its program, its libraries and whether it is watched were not checked: " + why_closed);
    return Coverage::denied;
  }
  const std::string program = known_path(process, pid);
  const size_t threads = thread_ids(pid).size();
  findings.fine("process", std::to_string(pid) + " runs " + program + ", " + std::to_string(threads) +
                               (threads == 1 ? " thread" : " threads"));
  Findings about_it;
  check_rights(process, about_it);
  check_files_of_process(process, about_it);
  check_filter(process, about_it);
  check_tracer(process, about_it);
  check_container(process, library, about_it);
  check_libc(process, maps, library, about_it);
  // Privileges that it gained are known already; its file can be read even if it has been deleted.
  check_program(process.directory() + "/exe", program, kGainsNoRights, about_it);
  check_watch(pid, library, why_closed, !about_it.has_obstacle(), findings);
  findings.add_all(about_it);
  return Coverage::complete;
}

}  // namespace holdwatch
