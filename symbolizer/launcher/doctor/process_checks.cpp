// See process_checks.h.
#include "symbolizer/launcher/doctor/process_checks.h"

#include <elf.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "symbolizer/launcher/doctor/program_checks.h"
#include "symbolizer/launcher/doctor/program_file.h"
#include "symbolizer/launcher/preload_check.h"

namespace holdwatch {
namespace {

namespace fs = std::filesystem;

class Process {
 public:
  explicit Process(pid_t pid) : directory_("/proc/" + std::to_string(pid)) {}

  bool exists() const { return access(directory_.c_str(), F_OK) == 0; }
  const std::string& directory() const { return directory_; }

  std::string read(const char* name) const {
    std::ostringstream text;
    text << std::ifstream(directory_ + "/" + name, std::ios::binary).rdbuf();
    return text.str();
  }
  std::string link(const char* name) const {
    std::error_code failure;
    return fs::read_symlink(directory_ + "/" + name, failure);
  }
  // A field of its status, or 0.
  long status(const std::string& name) const {
    std::ifstream file(directory_ + "/status");
    for (std::string line; std::getline(file, line);) {
      if (line.starts_with(name + ":")) return std::strtol(line.c_str() + name.size() + 1, nullptr, 10);
    }
    return 0;
  }

 private:
  std::string directory_;
};

bool starts_secure(const Process& process) {
  const std::string vector = process.read("auxv");
  for (size_t at = 0; at + sizeof(Elf64_auxv_t) <= vector.size(); at += sizeof(Elf64_auxv_t)) {
    Elf64_auxv_t entry;
    vector.copy(reinterpret_cast<char*>(&entry), sizeof entry, at);
    if (entry.a_type == AT_SECURE) return entry.a_un.a_val != 0;
  }
  return false;
}

bool has_watcher(const Process& process) {
  std::error_code failure;
  for (const fs::directory_entry& task : fs::directory_iterator(process.directory() + "/task", failure)) {
    std::string name;
    std::getline(std::ifstream(task.path() / "comm"), name);
    if (name.starts_with("holdwatch")) return true;
  }
  return false;
}

void check_watch(const Process& process, const std::string& maps, Findings& findings) {
  if (maps.find("/libholdwatch.so") == std::string::npos) {
    findings.note("watch",
                  "it is not watched; start it by holdwatch run, or its unit after holdwatch systemd enable (holdwatch "
                  "--help lists what reaches a process that runs)");
  } else if (has_watcher(process)) {
    findings.fine("watch", "it is watched");
  } else {
    findings.note("watch",
                  "it is prepared: the watch begins with its second thread, unless HOLDWATCH_EXE leaves it out");
  }
}

// Whether what its loader did with LD_PRELOAD was what the environment said.
void check_rights(const Process& process, Findings& findings) {
  if (starts_secure(process)) {
    findings.obstacle("rights",
                      "it gained rights when it started (set-user-ID or file capabilities), and the loader ignored "
                      "LD_PRELOAD; start it as the user that it becomes");
  }
}

// The files of a process that has changed its user, and has executed nothing since, are root's (PR_SET_DUMPABLE in prctl(2)).
void check_own_files(const Process& process, Findings& findings) {
  struct stat status;
  const long user = process.status("Uid");
  if (user == 0 || stat((process.directory() + "/maps").c_str(), &status) != 0 || status.st_uid != 0) return;
  findings.note("user",
                "it became user " + std::to_string(user) +
                    " after its start, and so may not read where its own threads are: reports may lack stacks; start "
                    "it as that user (in a unit: User=)");
}

void check_filter(const Process& process, Findings& findings) {
  if (process.status("Seccomp") == 0) return;
  findings.note(
      "seccomp",
      "its system calls are filtered; a filter that was there before it (systemd's, a container's) must let our calls "
      "through, and after one of its own that may kill, reports have who, which lock and how long alone; if it is a "
      "unit, holdwatch systemd enable UNIT --dry-run tells more");
}

void check_tracer(const Process& process, Findings& findings) {
  const long tracer = process.status("TracerPid");
  if (tracer == 0) return;
  std::string name;
  std::getline(std::ifstream("/proc/" + std::to_string(tracer) + "/comm"), name);
  findings.note("traced", "process " + std::to_string(tracer) + " (" + name +
                              ") traces it: nobody else can look into it from outside until that one goes");
}

void check_container(const Process& process, const std::string& library, Findings& findings) {
  const Process self(getpid());
  const bool is_elsewhere = process.link("ns/mnt") != self.link("ns/mnt") || process.link("root") != self.link("root");
  if (!is_elsewhere) return;
  if (access((process.directory() + "/root" + library).c_str(), R_OK) == 0) {
    findings.fine("container", "it has another root directory or mounts of its own, and the library is there too");
  } else {
    findings.note("container", "it has another root directory or mounts of its own, and there is no " + library +
                                   " there; install holdwatch in there, or mount its directory");
  }
}

// Of the libc that is loaded there, which may be a container's.
void check_libc(const Process& process, const std::string& maps, const std::string& library, Findings& findings) {
  const size_t name = maps.find("/libc.so.6\n");
  if (name == std::string::npos) return;
  const size_t begin = maps.rfind(' ', name) + 1;
  const std::string path = maps.substr(begin, name - begin) + "/libc.so.6";
  const ProgramFile libc(process.directory() + "/root" + path), ours(library);
  if (!libc.is_readable() || !ours.is_readable() || ours.glibc_minor() <= libc.glibc_minor()) return;
  findings.obstacle("libc", "its glibc is 2." + std::to_string(libc.glibc_minor()) +
                                ", and the library was built for 2." + std::to_string(ours.glibc_minor()) +
                                "; build it there");
}

}  // namespace

bool check_process(pid_t pid, const std::string& library, Findings& findings) {
  const Process process(pid);
  if (!process.exists()) return false;
  const std::string program = process.link("exe");
  const std::string maps = process.read("maps");
  if (program.empty() || maps.empty()) {
    findings.note("process", "process " + std::to_string(pid) +
                                 " is another user's, a kernel thread or ending, and cannot be "
                                 "looked into; ask as root");
    return true;
  }
  findings.fine("process", std::to_string(pid) + " runs " + program + ", " + std::to_string(process.status("Threads")) +
                               " threads");
  check_watch(process, maps, findings);
  check_rights(process, findings);
  check_own_files(process, findings);
  check_filter(process, findings);
  check_tracer(process, findings);
  check_container(process, library, findings);
  check_libc(process, maps, library, findings);
  // What it gained is known by now; its file can be had even if it has been deleted.
  check_program(process.directory() + "/exe", program, kGainsNoRights, findings);
  return true;
}

}  // namespace holdwatch
