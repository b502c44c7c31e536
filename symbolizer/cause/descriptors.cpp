// See descriptors.h.
#include "symbolizer/cause/descriptors.h"

#include <arpa/inet.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstddef>
#include <cstring>

#include "symbolizer/cause/words.h"

namespace holdwatch {
namespace {

// A descriptor of ours to ask by: the very one, or a duplicate of another process's (-1 if it cannot be had).
class Asked {
 public:
  Asked(int descriptor, pid_t process) : descriptor_(descriptor), is_duplicate_(process != kOurDescriptors) {
    if (!is_duplicate_) return;
    const long handle = syscall(SYS_pidfd_open, process, 0);
    descriptor_ = handle < 0 ? -1 : static_cast<int>(syscall(SYS_pidfd_getfd, handle, descriptor, 0));
    if (handle >= 0) close(static_cast<int>(handle));
  }
  Asked(const Asked&) = delete;
  Asked& operator=(const Asked&) = delete;
  ~Asked() {
    if (is_duplicate_ && descriptor_ >= 0) close(descriptor_);
  }
  int descriptor() const { return descriptor_; }

 private:
  int descriptor_;
  bool is_duplicate_;
};

using NameCall = int (*)(int, sockaddr*, socklen_t*);

// The bytes that getpeername or getsockname tell; empty if they fail.
std::string name_of_socket(int descriptor, NameCall ask) {
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;
  if (ask(descriptor, reinterpret_cast<sockaddr*>(&storage), &length) != 0) return "";
  return {reinterpret_cast<const char*>(&storage), std::min<size_t>(length, sizeof storage)};
}

template <typename Address>
Address address_from(std::string_view bytes) {
  Address address{};
  std::memcpy(&address, bytes.data(), std::min(bytes.size(), sizeof address));
  return address;
}

std::string port_of(uint16_t network_order) {
  return ":" + std::to_string(ntohs(network_order));
}

// The name of a unix socket may hold any byte: an abstract one begins with a zero and goes on to the end.
std::string describe_unix_address(std::string_view bytes) {
  std::string_view name = bytes.substr(std::min(bytes.size(), offsetof(sockaddr_un, sun_path)));
  if (name.empty()) return "unnamed unix socket";
  if (name.front() == '\0') return "@" + printable(name.substr(1));
  return printable(name.substr(0, name.find('\0')));
}

bool is_listening(int descriptor) {
  int listening = 0;
  socklen_t length = sizeof listening;
  return getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, &listening, &length) == 0 && listening != 0;
}

bool is_unnamed(std::string_view address) {
  return address.size() == sizeof(sa_family_t) && address_from<sockaddr>(address).sa_family == AF_UNIX;
}

// ", 96 KiB unsent", or nothing if the kernel's answer to `question` is nothing.
std::string stuck(int descriptor, unsigned long question, std::string_view how) {
  int bytes = 0;
  if (ioctl(descriptor, question, &bytes) != 0 || bytes <= 0) return "";
  return ", " + size_in_words(static_cast<uint64_t>(bytes)) + " " + std::string(how);
}

std::string describe_socket(int descriptor, Direction direction) {
  const std::string own = name_of_socket(descriptor, getsockname);
  if (is_listening(descriptor)) return "listening on " + describe_address(own);
  const std::string peer = name_of_socket(descriptor, getpeername);
  const std::string unsent = direction == Direction::sending ? stuck(descriptor, SIOCOUTQ, "unsent") : "";
  if (peer.empty()) return "unconnected socket" + unsent;
  // The clients of a server on a unix socket have no name; which server's they are says more.
  if (is_unnamed(peer) && !is_unnamed(own)) return "-> client of " + describe_address(own) + unsent;
  return "-> " + describe_address(peer) + unsent;
}

// "anon_inode:[eventfd]" and "anon_inode:inotify" to "eventfd" and "inotify".
std::string describe_anonymous(std::string_view name) {
  if (name.starts_with('[') && name.ends_with(']')) name = name.substr(1, name.size() - 2);
  if (name == "eventpoll") return "epoll";
  return std::string(name);
}

std::string describe_target(int descriptor, const std::string& path, Direction direction) {
  constexpr std::string_view kAnonymous = "anon_inode:";
  if (path.starts_with("socket:[")) return describe_socket(descriptor, direction);
  if (path.starts_with(kAnonymous)) return describe_anonymous(std::string_view(path).substr(kAnonymous.size()));
  if (path.starts_with("pipe:[") && direction == Direction::sending)
    return path + stuck(descriptor, FIONREAD, "unread");
  return path;
}

}  // namespace

std::string describe_address(std::string_view bytes) {
  if (bytes.size() < sizeof(sa_family_t)) return "";
  char text[INET6_ADDRSTRLEN];
  switch (const sa_family_t family = address_from<sockaddr>(bytes).sa_family) {
    case AF_INET: {
      const auto address = address_from<sockaddr_in>(bytes);
      return std::string(inet_ntop(AF_INET, &address.sin_addr, text, sizeof text)) + port_of(address.sin_port);
    }
    case AF_INET6: {
      const auto address = address_from<sockaddr_in6>(bytes);
      return "[" + std::string(inet_ntop(AF_INET6, &address.sin6_addr, text, sizeof text)) + "]" +
             port_of(address.sin6_port);
    }
    case AF_UNIX:
      return describe_unix_address(bytes);
    default:
      return "address family " + std::to_string(family);
  }
}

// Through /proc/thread-self: /proc/self is the main thread, which has no descriptors any more once it has left by
// pthread_exit.
std::string descriptor_path(int descriptor, pid_t process) {
  const std::string owner = process == kOurDescriptors ? "thread-self" : std::to_string(process);
  const std::string link = "/proc/" + owner + "/fd/" + std::to_string(descriptor);
  char path[PATH_MAX];
  const ssize_t length = readlink(link.c_str(), path, sizeof path);
  return length <= 0 ? "" : printable({path, static_cast<size_t>(length)});
}

std::string describe_descriptor(int descriptor, Direction direction, pid_t process) {
  const std::string number = std::to_string(descriptor);
  if (process == kLostDescriptors) return number;
  const std::string path = descriptor < 0 ? "" : descriptor_path(descriptor, process);
  if (path.empty()) return number + " (closed)";
  const Asked asked(descriptor, process);
  // Of a socket that must not be duplicated the kernel's number is all there is.
  if (asked.descriptor() < 0) return number + " " + path;
  return number + " " + describe_target(asked.descriptor(), path, direction);
}

}  // namespace holdwatch
