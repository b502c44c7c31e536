// See sockets.h.
#include "symbolizer/activity/sockets.h"

#include <arpa/inet.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
// After sys/socket.h, whose types it uses.
#include <linux/vm_sockets.h>

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "symbolizer/activity/times.h"
#include "symbolizer/activity/words.h"

namespace holdwatch {
namespace {

template <typename Address>
Address address_from(std::string_view bytes) {
  Address address{};
  std::memcpy(&address, bytes.data(), std::min(bytes.size(), sizeof address));
  return address;
}

std::string port_of(uint16_t network_order) {
  return ":" + std::to_string(ntohs(network_order));
}

// The name of a unix socket may contain any byte: an abstract one begins with a zero and extends to the end.
std::string describe_unix_address(std::string_view bytes) {
  std::string_view name = bytes.substr(std::min(bytes.size(), offsetof(sockaddr_un, sun_path)));
  if (name.empty()) return "unnamed unix socket";
  if (name.front() == '\0') return "@" + printable(name.substr(1));
  return printable(name.substr(0, name.find('\0')));
}

std::string describe_vsock_address(std::string_view bytes) {
  const auto address = address_from<sockaddr_vm>(bytes);
  return "vsock " + std::to_string(address.svm_cid) + ":" + std::to_string(address.svm_port);
}

// A socket of this process, and what the kernel shows of it.
class Socket {
 public:
  explicit Socket(int descriptor) : descriptor_(descriptor) {}

  // 0 if the kernel does not return it.
  int option(int name) const {
    int value = 0;
    socklen_t length = sizeof value;
    return getsockopt(descriptor_, SOL_SOCKET, name, &value, &length) == 0 ? value : 0;
  }
  bool is_internet() const { return option(SO_DOMAIN) == AF_INET || option(SO_DOMAIN) == AF_INET6; }
  std::string local_address() const { return name(getsockname); }
  std::string peer_address() const { return name(getpeername); }

  // Bytes that the peer has not acknowledged. For all other kinds, the kernel returns the memory that it uses for them,
  // including its own structures.
  std::string unsent() const {
    constexpr int kMultipathTcp = 262;  // IPPROTO_MPTCP, which older headers do not have
    const int protocol = option(SO_PROTOCOL);
    if (!is_internet() || (protocol != IPPROTO_TCP && protocol != kMultipathTcp)) return "";
    int bytes = 0;
    if (ioctl(descriptor_, SIOCOUTQ, &bytes) != 0 || bytes <= 0) return "";
    return ", " + size_in_words(static_cast<uint64_t>(bytes)) + " unsent";
  }

  // ", timeout 2 s" (SO_RCVTIMEO, SO_SNDTIMEO); empty if it waits without bound.
  std::string timeout(int option) const {
    timeval time{};
    socklen_t length = sizeof time;
    if (getsockopt(descriptor_, SOL_SOCKET, option, &time, &length) != 0) return "";
    const std::optional<uint64_t> ns = nanoseconds_of(time);
    return ns.value_or(0) == 0 ? "" : ", timeout " + duration_in_words(*ns);
  }

 private:
  // The bytes that getpeername or getsockname return; empty if they fail.
  std::string name(int (*ask)(int, sockaddr*, socklen_t*)) const {
    sockaddr_storage storage{};
    socklen_t length = sizeof storage;
    if (ask(descriptor_, reinterpret_cast<sockaddr*>(&storage), &length) != 0) return "";
    return {reinterpret_cast<const char*>(&storage), std::min<size_t>(length, sizeof storage)};
  }

  int descriptor_;
};

bool is_unnamed(std::string_view address) {
  return address.size() == sizeof(sa_family_t) && address_from<sockaddr>(address).sa_family == AF_UNIX;
}

// For a family whose peers mean nothing to a reader, or a raw socket, whose port is not a port.
std::string describe_kind(const Socket& socket) {
  switch (const int family = socket.option(SO_DOMAIN)) {
    case AF_INET:
    case AF_INET6:
      return socket.option(SO_TYPE) == SOCK_RAW ? "raw socket" : "";
    case AF_UNIX:
    case AF_VSOCK:
    case 0:
      return "";
    case AF_NETLINK:
      return "netlink socket";
    case AF_PACKET:
      return "packet socket";
    default:
      return "socket of address family " + std::to_string(family);
  }
}

// The address where unsolicited packets arrive. Port 0 means that it has none yet.
std::string describe_unconnected(const Socket& socket, const std::string& own) {
  const bool has_port = socket.is_internet() && address_from<sockaddr_in>(own).sin_port != 0;  // the same place in IPv6
  const bool has_name = socket.option(SO_DOMAIN) == AF_UNIX && !is_unnamed(own);
  return has_port || has_name ? "bound to " + describe_address(own) : "unconnected socket";
}

std::string describe_ends(const Socket& socket) {
  const std::string kind = describe_kind(socket);
  if (!kind.empty()) return kind;
  const std::string own = socket.local_address();
  if (socket.option(SO_ACCEPTCONN) != 0) return "listening on " + describe_address(own);
  const std::string peer = socket.peer_address();
  if (peer.empty()) return describe_unconnected(socket, own);
  // The clients of a server on a unix socket have no name; the server's own is more useful.
  if (is_unnamed(peer) && !is_unnamed(own)) return "-> client of " + describe_address(own);
  return "-> " + describe_address(peer);
}

}  // namespace

std::string describe_socket(int descriptor, Direction direction) {
  const Socket socket(descriptor);
  const std::string ends = describe_ends(socket);
  switch (direction) {
    case Direction::sending:
      return ends + socket.unsent() + socket.timeout(SO_SNDTIMEO);
    case Direction::receiving:
      return ends + socket.timeout(SO_RCVTIMEO);
    case Direction::any:
      break;
  }
  return ends;
}

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
    case AF_VSOCK:
      return describe_vsock_address(bytes);
    default:
      return "address family " + std::to_string(family);
  }
}

}  // namespace holdwatch
