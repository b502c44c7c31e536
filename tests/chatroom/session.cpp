// See session.h: one client's connection, lines in and lines out.
#include "tests/chatroom/session.h"

#include <sys/socket.h>
#include <unistd.h>

Session::Session(int socket) : socket_(socket) {
  // A chat need not queue megabytes for one member in the kernel.
  const int send_buffer = 64 * 1024;
  ::setsockopt(socket_, SOL_SOCKET, SO_SNDBUF, &send_buffer, sizeof send_buffer);
}

Session::~Session() {
  ::close(socket_);
}

std::optional<std::string> Session::read_line() {
  for (;;) {
    if (const size_t end = unread_.find('\n'); end != std::string::npos) {
      std::string line = unread_.substr(0, end);
      unread_.erase(0, end + 1);
      return line;
    }
    char bytes[16 * 1024];
    const ssize_t size = ::recv(socket_, bytes, sizeof bytes, 0);
    if (size <= 0) return std::nullopt;
    unread_.append(bytes, static_cast<size_t>(size));
  }
}

void Session::send(const std::string& text) {
  for (size_t sent = 0; sent < text.size();) {
    const ssize_t size = ::send(socket_, text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
    if (size <= 0) return;
    sent += static_cast<size_t>(size);
  }
}
