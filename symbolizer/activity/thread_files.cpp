// See thread_files.h.
#include "symbolizer/activity/thread_files.h"

#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "shim/common/kernel/system_call_numbers.h"
#include "symbolizer/proc/proc_text.h"

namespace holdwatch {
namespace {

std::optional<std::string> read_link(const std::string& path) {
  std::array<char, PATH_MAX> target;
  const ssize_t length = readlink(path.c_str(), target.data(), target.size());
  if (length < 0) return std::nullopt;
  return std::string(target.data(), static_cast<size_t>(length));
}

bool exists(const std::string& path) {
  struct stat status;
  return stat(path.c_str(), &status) == 0;
}

std::string fd_name(int descriptor) {
  return "fd/" + std::to_string(descriptor);
}

int duplicate_from(pid_t process, int descriptor) {
  const long handle = syscall(SYS_pidfd_open, process, 0);
  if (handle < 0) return -1;
  const long duplicate = syscall(SYS_pidfd_getfd, handle, descriptor, 0);
  close(static_cast<int>(handle));
  return static_cast<int>(duplicate);
}

}  // namespace

std::string ThreadFiles::path(const std::string& name) const {
  return process_ == 0 ? current_process_thread_file(tid_, name) : thread_file(process_, tid_, name);
}

std::optional<std::string> ThreadFiles::link(const std::string& name) const {
  return known() ? read_link(path(name)) : std::nullopt;
}

std::string ThreadFiles::text(const std::string& name) const {
  return known() ? read_text(path(name)) : "";
}

// Without /proc, or with that of another process id namespace, every link is missing: then the directory is missing
// too.
std::optional<std::string> ThreadFiles::descriptor_link(int descriptor) const {
  if (!known() || descriptor < 0) return std::nullopt;
  if (auto target = link(fd_name(descriptor))) return target;
  return errno == ENOENT && exists(path("fd")) ? std::optional<std::string>("") : std::nullopt;
}

// Through /proc/thread-self: /proc/self is the main thread, which has no descriptors any more after it has called
// pthread_exit.
QueryDescriptor::QueryDescriptor(int descriptor, const ThreadFiles& files, const std::string& link)
    : descriptor_(descriptor), is_duplicate_(!files.is_ours()) {
  if (is_duplicate_) descriptor_ = duplicate_from(files.process(), descriptor);
  if (descriptor_ < 0 || read_link("/proc/thread-self/" + fd_name(descriptor_)) == link) return;
  if (is_duplicate_) close(descriptor_);
  descriptor_ = -1;
}

QueryDescriptor::~QueryDescriptor() {
  if (is_duplicate_ && descriptor_ >= 0) close(descriptor_);
}

}  // namespace holdwatch
