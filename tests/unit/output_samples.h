// What the tests of symbolizer/outputs share: a directory of their own, files as text, and a socket to listen on.
#pragma once

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <utility>

namespace holdwatch {

// Not writable by others, unlike /tmp itself.
class TestDirectory {
 public:
  TestDirectory() {
    char name[] = "/tmp/holdwatch-test.XXXXXX";
    path_ = mkdtemp(name);
  }
  TestDirectory(const TestDirectory&) = delete;
  TestDirectory& operator=(const TestDirectory&) = delete;
  ~TestDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::string file(const std::string& name) const { return path_ + "/" + name; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

inline std::string content(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// A local datagram socket, as a syslog daemon or the journal would bind it.
class FakeDaemon {
 public:
  explicit FakeDaemon(const std::string& path) : socket_(socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strcpy(address.sun_path, path.c_str());
    bind(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  }
  FakeDaemon(const FakeDaemon&) = delete;
  FakeDaemon& operator=(const FakeDaemon&) = delete;
  ~FakeDaemon() { close(socket_); }

  // The next datagram; for one that carries a file, the file's content. "(nothing)" if none has come.
  std::string next() {
    std::string buffer(1 << 20, '\0');
    iovec part{buffer.data(), buffer.size()};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    const ssize_t size = recvmsg(socket_, &message, 0);
    if (size < 0) return "(nothing)";
    const cmsghdr* header = CMSG_FIRSTHDR(&message);
    if (header == nullptr) return buffer.substr(0, static_cast<size_t>(size));
    int file = -1;
    std::memcpy(&file, CMSG_DATA(header), sizeof file);
    struct stat status;
    fstat(file, &status);
    seals_ = fcntl(file, F_GET_SEALS);
    std::string text(static_cast<size_t>(status.st_size), '\0');
    const ssize_t got = pread(file, text.data(), text.size(), 0);
    close(file);
    return got == status.st_size ? text : "(file not read)";
  }
  int seals() const { return seals_; }

 private:
  int socket_;
  int seals_ = -1;
};

}  // namespace holdwatch
