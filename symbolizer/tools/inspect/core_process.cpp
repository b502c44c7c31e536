// See core_process.h.
#include "symbolizer/tools/inspect/core_process.h"

#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "symbolizer/activity/restarted.h"
#include "symbolizer/report/program_path.h"
#include "symbolizer/tools/inspect/access.h"
#include "symbolizer/tools/inspect/stack_copy.h"
#include "symbolizer/waits/lock_reader.h"

namespace holdwatch {
namespace {

uint64_t modified_ns(const std::string& path) {
  struct stat status {};
  if (stat(path.c_str(), &status) != 0) return 0;
  return static_cast<uint64_t>(status.st_mtim.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(status.st_mtim.tv_nsec);
}

std::string absolute(const std::string& path) {
  char resolved[PATH_MAX];
  return realpath(path.c_str(), resolved) == nullptr ? path : resolved;
}

}  // namespace

std::unique_ptr<CoreProcess> CoreProcess::open(const std::string& path, const std::string& program, std::string& why) {
  std::unique_ptr<FileBytes> file = FileBytes::open(path);
  if (file == nullptr) {
    why = "--core " + path + " cannot be read: " + std::strerror(errno);
    return nullptr;
  }
  CoreFile core = read_core_file(*file);
  if (!core.fault.empty()) {
    why = "--core " + path + " " + core.fault;
    return nullptr;
  }
  std::unique_ptr<CoreProcess> target(new CoreProcess(std::move(file), std::move(core), modified_ns(path)));
  target->put_program(program);
  target->add_left_out();
  target->modules_.update(maps_text(target->core_));
  why = why_not_supported(target->modules_);
  return why.empty() ? std::move(target) : nullptr;
}

// The program is the file that contains the entry point.
void CoreProcess::put_program(const std::string& program) {
  const auto main = std::find_if(core_.mappings.begin(), core_.mappings.end(), [this](const CoreMapping& mapping) {
    return core_.entry >= mapping.start && core_.entry < mapping.end;
  });
  const std::string name = core_.program.empty() ? "unknown" : core_.program;
  executable_ = main == core_.mappings.end() ? "/" + name : main->path;
  if (program.empty()) return;
  const std::string was = executable_;
  executable_ = absolute(program);
  for (CoreMapping& mapping : core_.mappings) {
    if (mapping.path == was) mapping.path = executable_;
  }
}

std::string CoreProcess::executable() {
  return known_program_path(executable_, executable_, memory_.read_string(core_.started_as), "");
}

void CoreProcess::add_left_out() {
  for (const CoreMapping& part : left_out(core_)) {
    core_.segments.push_back({part.start, part.end, 0, 0, true, false, memory_.is_code(part)});
  }
  std::sort(core_.segments.begin(), core_.segments.end(),
            [](const CoreSegment& a, const CoreSegment& b) { return a.start < b.start; });
}

std::string CoreProcess::host() const {
  char name[HOST_NAME_MAX + 1] = "";
  return gethostname(name, sizeof name - 1) == 0 ? name : "";
}

// Not the files of a running process: that number may belong to another process by now.
DebugSearch CoreProcess::debug_search() const {
  DebugSearch search;
  search.proc.clear();
  return search;
}

// The id that it had for itself, which locks contain: its descriptor has it. The core file's is that of whoever wrote the file, in
// another pid namespace perhaps.
int CoreProcess::own_id(const CoreThread& thread) {
  const int id = tid_in_descriptor(thread.descriptor, memory_);
  return id > 0 ? id : thread.tid;
}

// A thread of the process itself, even one that has exited, was started later than the process and has a higher id.
Kin CoreProcess::kin(int namespace_tid) {
  const auto main = std::find_if(core_.threads.begin(), core_.threads.end(),
                                 [this](const CoreThread& thread) { return thread.tid == core_.pid; });
  const int id = main == core_.threads.end() ? core_.pid : own_id(*main);
  return namespace_tid < id ? Kin::older : Kin::none;
}

std::vector<Task> CoreProcess::tasks() {
  std::vector<Task> tasks;
  for (const CoreThread& thread : core_.threads) {
    Task task;
    task.tid = task.snapshot.tid = thread.tid;
    task.namespace_tid = own_id(thread);
    task.snapshot.state = ThreadState::unknown;
    task.snapshot.registers = thread.registers;
    task.snapshot.call = resumed_call(thread.call, thread.registers.ip, memory_);
    tasks.push_back(task);
  }
  return tasks;
}

// Core files contain only one name.
std::string CoreProcess::thread_name(int pid, int tid) {
  return pid == 0 && tid == core_.pid && core_.by_kernel ? core_.program : "";
}

Capture CoreProcess::capture(const Task& task) {
  Capture capture;
  capture.snapshot = task.snapshot;
  copy_stack(memory_, modules_, capture);
  return capture;
}

// Shared memory has a file in a core file too, even where it is anonymous. Who else had it, in which pid namespaces, is not known
// any more.
std::optional<SharedOwner> CoreProcess::shared_owner(uintptr_t lock, int id) {
  const bool has_file = std::any_of(core_.mappings.begin(), core_.mappings.end(), [lock](const CoreMapping& mapping) {
    return lock >= mapping.start && lock < mapping.end;
  });
  if (!has_file || modules_.find(lock) != nullptr) return std::nullopt;
  const auto owner = std::find_if(core_.threads.begin(), core_.threads.end(),
                                  [this, id](const CoreThread& thread) { return own_id(thread) == id; });
  return owner == core_.threads.end() ? SharedOwner{} : SharedOwner{OwnerProof::likely, core_.pid, owner->tid};
}

std::string CoreProcess::effect_on_process() const {
  std::string text = "from a core file";
  if (core_.cut_short) text += ", which is truncated: waits and frames may be missing";
  for (const auto& [path, fault] : memory_.missing()) text += "; " + path + " could not be used: " + fault;
  return text;
}

}  // namespace holdwatch
