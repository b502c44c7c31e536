// See descriptor.h.
#include "symbolizer/outputs/descriptor.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>

namespace holdwatch {
namespace {

constexpr int kTimeoutMs = 200;

// How many bytes may be written now without the risk of waiting forever for a reader: all, unless a pipe's reader is
// behind. Then as many as poll guarantees (pipe(7)).
size_t portion(int descriptor, size_t size) {
  const int capacity = fcntl(descriptor, F_GETPIPE_SZ);
  int unread = 0;
  if (capacity < 0 || ioctl(descriptor, FIONREAD, &unread) != 0) return size;
  return unread == 0 && size <= static_cast<size_t>(capacity) ? size : std::min<size_t>(size, PIPE_BUF);
}

// The errors that system call filters usually return for forbidden calls; poll never returns them otherwise.
bool is_refusal(int error) {
  return error == EPERM || error == EACCES || error == ENOSYS;
}

// Under systemd, standard error is a socket: a call on it can be non-blocking whatever the descriptor's flags are,
// which belong to the program.
ssize_t write_some(int descriptor, std::string_view text) {
  const ssize_t sent = send(descriptor, text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent >= 0 || (errno != ENOTSOCK && !is_refusal(errno))) return sent;
  return write(descriptor, text.data(), portion(descriptor, text.size()));
}

FileIdentity identity(const struct stat& status) {
  return {status.st_dev, status.st_ino, status.st_rdev};
}

}  // namespace

std::optional<FileIdentity> identity_of(int descriptor) {
  struct stat status;
  if (fstat(descriptor, &status) != 0) return std::nullopt;
  return identity(status);
}

std::optional<FileIdentity> identity_of(const char* path) {
  struct stat status;
  if (stat(path, &status) != 0) return std::nullopt;
  return identity(status);
}

int write_all(int descriptor, std::string_view text, size_t* written) {
  *written = 0;
  while (*written < text.size()) {
    pollfd full{descriptor, POLLOUT, 0};
    const int ready = poll(&full, 1, kTimeoutMs);
    if (ready == 0) return EAGAIN;
    const bool has_failed = ready < 0 && !is_refusal(errno);
    const ssize_t count = has_failed ? -1 : write_some(descriptor, text.substr(*written));
    if (count > 0) *written += static_cast<size_t>(count);
    if (count < 0 && errno != EINTR) return errno;
  }
  return 0;
}

std::optional<off_t> size_of(int descriptor) {
  struct stat status;
  if (fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
  return status.st_size;
}

// Another process could append between the check and the call, and lose what it wrote. That is only possible if the
// disk was full a moment ago and has room again right then.
bool take_back(int descriptor, off_t size_before, size_t written) {
  return size_of(descriptor) == size_before + static_cast<off_t>(written) && ftruncate(descriptor, size_before) == 0;
}

}  // namespace holdwatch
