// See datagram.h.
#include "symbolizer/outputs/datagram.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "symbolizer/outputs/descriptor.h"

namespace holdwatch {
namespace {

constexpr int kTimeoutMs = 200;  // for a receiver whose queue is full

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (number_ >= 0) close(number_);
  }
  int number() const { return number_; }

 private:
  int number_;
};

// A socket that is connected to the one bound at `path`. A negative number is an error: -errno.
int connected_socket(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return -ENAMETOOLONG;
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  const int opened = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (opened < 0) return -errno;
  if (connect(opened, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return opened;
  const int reason = errno;
  close(opened);
  return -reason;
}

// Never blocks for long and never raises SIGPIPE.
int send_message(const std::string& path, const msghdr& message) {
  // Connected, so that poll shows when the receiver's queue has room (unix(7)).
  const Descriptor socket_descriptor(connected_socket(path));
  if (socket_descriptor.number() < 0) return -socket_descriptor.number();
  for (bool waited = false;;) {
    if (sendmsg(socket_descriptor.number(), &message, MSG_NOSIGNAL) >= 0) return 0;
    if (errno == EINTR) continue;
    if (errno != EAGAIN || waited) return errno;
    pollfd full{socket_descriptor.number(), POLLOUT, 0};
    poll(&full, 1, kTimeoutMs);
    waited = true;
  }
}

}  // namespace

int probe_socket(const std::string& path) {
  const Descriptor socket_descriptor(connected_socket(path));
  return socket_descriptor.number() < 0 ? -socket_descriptor.number() : 0;
}

int send_datagram(const std::string& path, std::string_view bytes) {
  iovec part{const_cast<char*>(bytes.data()), bytes.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  return send_message(path, message);
}

int send_as_file(const std::string& path, std::string_view bytes) {
  const Descriptor file(memfd_create("holdwatch-report", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (file.number() < 0) return errno;
  size_t written = 0;
  const int reason = write_all(file.number(), bytes, &written);
  if (reason != 0) return reason;
  // The journal refuses a file that could still change while the journal reads it.
  if (fcntl(file.number(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) != 0) return errno;
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  const int number = file.number();
  std::memcpy(CMSG_DATA(header), &number, sizeof number);
  return send_message(path, message);
}

}  // namespace holdwatch
