// See shared_owner.h.
#include "symbolizer/waits/shared_owner.h"

#include <unistd.h>

#include <optional>
#include <string_view>
#include <vector>

#include "shim/common/proc/thread_files.h"
#include "symbolizer/proc/proc_text.h"
#include "symbolizer/waits/shared_memory.h"

namespace holdwatch {
namespace {

constexpr size_t kMaxThreads = 4096;  // of processes that have ids of their own

std::optional<StatusFile> status_of(int pid, int tid) {
  StatusFile status;
  return parse_status(read_text(thread_file(pid, tid, "status")), &status) ? std::optional(status) : std::nullopt;
}

// /proc may be that of another pid namespace.
bool proc_shows_us() {
  const auto self = status_of(getpid(), getpid());
  return self && self->is_of(getpid());
}

class OwnerLook {
 public:
  OwnerLook(const FilePage& lock, int id) : lock_(lock), id_(id) {}

  SharedOwner run() {
    look_at_id();
    for (const int pid : process_ids()) look_at_process(pid);
    return search_.result(threads_ <= kMaxThreads && are_all_processes_visible());
  }

 private:
  // Of our own namespace, where a thread has one id.
  void look_at_id() {
    const auto status = status_of(id_, id_);
    if (status && status->process != 0 && !status->has_own_ids()) add_thread(status->process, id_, *status);
  }

  void look_at_process(int pid) {
    const auto status = status_of(pid, pid);
    if (!status || !status->has_own_ids()) return;
    const MapsLock maps = SharedMemory(pid).maps(lock_);
    if (maps == MapsLock::no) return;
    search_.add_process_of_other_namespace(maps);
    for (const int tid : thread_ids(pid)) {
      const auto thread = ++threads_ <= kMaxThreads ? status_of(pid, tid) : std::nullopt;
      if (thread && thread->innermost_tid == id_) add_thread(pid, tid, *thread);
    }
  }

  // Since when the lock is waited for is not known.
  void add_thread(int pid, int tid, const StatusFile& status) {
    if (!status.has_exited()) search_.add_thread(pid, tid, SharedMemory(pid).maps(lock_), true);
  }

  const FilePage lock_;
  const int id_;
  SharedOwnerSearch search_;
  size_t threads_ = 0;
};

}  // namespace

bool are_all_processes_visible() {
  constexpr std::string_view kInitial = "pid:[4026531836]";
  char link[2 * kInitial.size()];
  const ssize_t length = readlink("/proc/self/ns/pid", link, sizeof link);
  return length > 0 && std::string_view(link, static_cast<size_t>(length)) == kInitial && status_of(1, 1).has_value();
}

std::optional<SharedOwner> find_shared_owner(int pid, uintptr_t address, int id) {
  const SharedMemory memory(pid);
  const auto lock = memory.byte_at(address);
  if (!lock && memory.is_readable()) return std::nullopt;
  return lock && proc_shows_us() ? OwnerLook(*lock, id).run() : SharedOwner{};
}

}  // namespace holdwatch
