// What real descriptors of this process lead to.
#include "symbolizer/activity/descriptors.h"
#include "symbolizer/activity/sockets.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "tests/catch.h"
#include "tests/unit/left_out.h"

using namespace holdwatch;
using Catch::Matchers::EndsWith;
using Catch::Matchers::StartsWith;

namespace {

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) { REQUIRE(number >= 0); }
  ~Descriptor() { close(number_); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  operator int() const { return number_; }

 private:
  int number_;
};

ThreadFiles ours() {
  return ThreadFiles::of_ours(gettid());
}
std::string any(int descriptor) {
  return describe_descriptor(descriptor, Direction::any, ours());
}
std::string sending(int descriptor) {
  return describe_descriptor(descriptor, Direction::sending, ours());
}
std::string receiving(int descriptor) {
  return describe_descriptor(descriptor, Direction::receiving, ours());
}
std::string number(int descriptor) {
  return std::to_string(descriptor);
}

template <typename Address>
std::string_view bytes_of(const Address& address) {
  return {reinterpret_cast<const char*>(&address), sizeof address};
}

sockaddr_in loopback(uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

// A listening TCP socket on a free port of the loopback interface.
class Listener {
 public:
  Listener() : socket_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address = loopback(0);
    socklen_t length = sizeof address;
    REQUIRE(bind(socket_, reinterpret_cast<sockaddr*>(&address), length) == 0);
    REQUIRE(listen(socket_, 5) == 0);
    REQUIRE(getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &length) == 0);
    port_ = ntohs(address.sin_port);
  }
  int socket_number() const { return socket_; }
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

  int connect_to() const {
    const int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const sockaddr_in address = loopback(port_);
    REQUIRE(connect(client, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    return client;
  }

 private:
  Descriptor socket_;
  uint16_t port_ = 0;
};

// Writes until the descriptor takes no more.
size_t fill(int descriptor) {
  REQUIRE(fcntl(descriptor, F_SETFL, O_NONBLOCK) == 0);
  const std::vector<char> bytes(4096);
  size_t written = 0;
  while (true) {
    const ssize_t got = write(descriptor, bytes.data(), bytes.size());
    if (got <= 0) return written;
    written += static_cast<size_t>(got);
  }
}

socklen_t fill_unix_address(sockaddr_un* address, std::string_view name) {
  address->sun_family = AF_UNIX;
  memcpy(address->sun_path, name.data(), name.size());
  return static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
}

}  // namespace

TEST_CASE("a connected socket shows its peer, and its unsent bytes to a sender") {
  const Listener listener;
  const Descriptor client(listener.connect_to());
  const std::string to_listener = number(client) + " -> " + listener.address();
  CHECK(any(client) == to_listener);
  CHECK(sending(client) == to_listener);
  fill(client);
  CHECK(any(client) == to_listener);
  CHECK_THAT(sending(client), StartsWith(to_listener + ", ") && EndsWith("iB unsent"));
}

TEST_CASE("a listening socket shows its address, an unconnected one says so") {
  const Listener listener;
  CHECK(any(listener.socket_number()) == number(listener.socket_number()) + " listening on " + listener.address());
  const Descriptor idle(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  CHECK(any(idle) == number(idle) + " unconnected socket");
}

TEST_CASE("the client of a unix socket has no name, and is known by its server's") {
  const Descriptor server(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  const std::string name = std::string(1, '\0') + "holdwatch\ntest-" + std::to_string(getpid());
  const socklen_t length = fill_unix_address(&address, name);
  REQUIRE(bind(server, reinterpret_cast<sockaddr*>(&address), length) == 0);
  REQUIRE(listen(server, 1) == 0);
  const Descriptor client(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  REQUIRE(connect(client, reinterpret_cast<sockaddr*>(&address), length) == 0);
  const Descriptor accepted(accept4(server, nullptr, nullptr, SOCK_CLOEXEC));

  const std::string printable_name = "@holdwatch\\x0atest-" + std::to_string(getpid());
  CHECK(any(server) == number(server) + " listening on " + printable_name);
  CHECK(any(client) == number(client) + " -> " + printable_name);
  CHECK(any(accepted) == number(accepted) + " -> client of " + printable_name);
}

TEST_CASE("a pair of unix sockets leads from one without a name to the other") {
  int pair[2];
  REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
  const Descriptor left(pair[0]), right(pair[1]);
  CHECK(any(left) == number(left) + " -> unnamed unix socket");
  fill(left);
  // The kernel's answer is the memory that the bytes take up, not their number.
  CHECK(sending(left) == number(left) + " -> unnamed unix socket");
}

TEST_CASE("a socket's own timeout is shown to a thread that waits on that side") {
  int pair[2];
  REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
  const Descriptor left(pair[0]), right(pair[1]);
  const timeval two = {2, 0}, half = {0, 500'000};
  REQUIRE(setsockopt(left, SOL_SOCKET, SO_RCVTIMEO, &two, sizeof two) == 0);
  REQUIRE(setsockopt(left, SOL_SOCKET, SO_SNDTIMEO, &half, sizeof half) == 0);
  const std::string text = number(left) + " -> unnamed unix socket";
  CHECK(receiving(left) == text + ", timeout 2 s");
  CHECK(sending(left) == text + ", timeout 500 ms");
  CHECK(any(left) == text);
  CHECK(receiving(right) == number(right) + " -> unnamed unix socket");
}

TEST_CASE("a socket without a peer is known by where it listens to all, or by its kind") {
  const Descriptor udp(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  CHECK(any(udp) == number(udp) + " unconnected socket");
  sockaddr_in address = loopback(0);
  socklen_t length = sizeof address;
  REQUIRE(bind(udp, reinterpret_cast<sockaddr*>(&address), length) == 0);
  REQUIRE(getsockname(udp, reinterpret_cast<sockaddr*>(&address), &length) == 0);
  CHECK(any(udp) == number(udp) + " bound to 127.0.0.1:" + std::to_string(ntohs(address.sin_port)));
  REQUIRE(connect(udp, reinterpret_cast<sockaddr*>(&address), length) == 0);
  REQUIRE(send(udp, "x", 1, 0) == 1);
  CHECK(sending(udp) == number(udp) + " -> 127.0.0.1:" + std::to_string(ntohs(address.sin_port)));
  const Descriptor netlink(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0));
  CHECK(any(netlink) == number(netlink) + " netlink socket");
  const Descriptor local(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  CHECK(any(local) == number(local) + " unconnected socket");
}

TEST_CASE("a pipe is shown by its number, and its unread bytes to a writer") {
  int ends[2];
  REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
  const Descriptor reader(ends[0]), writer(ends[1]);
  struct stat status;
  REQUIRE(fstat(writer, &status) == 0);
  const std::string name = " pipe:[" + std::to_string(status.st_ino) + "]";
  CHECK(any(reader) == number(reader) + name);
  CHECK(sending(writer) == number(writer) + name);
  const size_t written = fill(writer);
  REQUIRE(written % 1024 == 0);
  CHECK(sending(writer) == number(writer) + name + ", " + std::to_string(written / 1024) + " KiB unread");
}

TEST_CASE("a file is known by its path, in which control characters are written out") {
  char directory[] = "/tmp/holdwatch-XXXXXX";
  REQUIRE(mkdtemp(directory) != nullptr);
  const std::string path = std::string(directory) + "/with\nnewline";
  {
    const Descriptor file(open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600));
    CHECK(any(file) == number(file) + " " + directory + "/with\\x0anewline");
    unlink(path.c_str());
    CHECK(any(file) == number(file) + " " + directory + "/with\\x0anewline (deleted)");
  }
  rmdir(directory);
}

TEST_CASE("what the kernel calls anonymous inodes are known by plain names") {
  const Descriptor event(eventfd(0, EFD_CLOEXEC));
  CHECK(any(event) == number(event) + " eventfd");
  const Descriptor epoll(epoll_create1(EPOLL_CLOEXEC));
  CHECK(any(epoll) == number(epoll) + " epoll");
  const Descriptor timer(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC));
  CHECK(any(timer) == number(timer) + " timerfd");
  const Descriptor notify(inotify_init1(IN_CLOEXEC));
  CHECK(any(notify) == number(notify) + " inotify");
}

TEST_CASE("a descriptor that is not open is shown as closed") {
  const int closed = dup(0);
  close(closed);
  CHECK(any(closed) == number(closed) + " (closed)");
  CHECK(any(-1) == "-1");
}

TEST_CASE("a thread's own descriptor table is used if it has one") {
  const Descriptor common(eventfd(0, EFD_CLOEXEC));
  int ends[2], pair[2];
  REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
  REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
  const Descriptor reader(ends[0]), writer(ends[1]), left(pair[0]), right(pair[1]);
  REQUIRE(write(writer, "12345", 5) == 5);
  std::atomic<int> tid{0};
  std::atomic<bool> seen{false};
  std::thread other([&] {
    const bool has_private_table =
        unshare(CLONE_FILES) == 0 && dup2(writer, common) == common && dup2(common, left) == left;
    tid = has_private_table ? gettid() : -1;
    while (!seen) std::this_thread::yield();
  });
  while (tid == 0) std::this_thread::yield();
  const ThreadFiles its = ThreadFiles::of_ours(tid);
  const std::string file = describe_descriptor(common, Direction::sending, its);
  const std::string same_pipe = describe_descriptor(writer, Direction::sending, its);
  const std::string socket_here = describe_descriptor(left, Direction::sending, its);
  seen = true;
  other.join();
  if (left_out(tid < 0, "no thread may have descriptors of its own (unshare)")) return;
  CHECK(any(common) == number(common) + " eventfd");
  CHECK_THAT(file, StartsWith(number(common) + " pipe:["));
  CHECK_THAT(same_pipe, EndsWith("], 5 B unread"));
  CHECK_THAT(socket_here, StartsWith(number(left) + " pipe:["));
}

TEST_CASE("a number that was given to another kind of file is not the file that a call waits for") {
  int ends[2], pair[2];
  REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
  REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
  const Descriptor reader(ends[0]), writer(ends[1]), left(pair[0]), right(pair[1]), event(eventfd(0, EFD_CLOEXEC)),
      file(open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  for (const char* in_pipe : {"pipe_read", "anon_pipe_write"}) {
    CHECK_FALSE(is_of_other_file(reader, in_pipe, ours()));
    for (const int other : {int{left}, int{event}, int{file}}) CHECK(is_of_other_file(other, in_pipe, ours()));
  }
  for (const char* in_socket : {"__skb_wait_for_more_packets", "sock_alloc_send_pskb", "unix_stream_read_generic"}) {
    CHECK_FALSE(is_of_other_file(left, in_socket, ours()));
    for (const int other : {int{reader}, int{event}, int{file}}) CHECK(is_of_other_file(other, in_socket, ours()));
  }
  for (const char* any : {"wait_woken", "0", ""}) CHECK_FALSE(is_of_other_file(file, any, ours()));
}

TEST_CASE("where /proc shows nothing of the thread, the number is all there is") {
  const Descriptor event(eventfd(0, EFD_CLOEXEC));
  CHECK(describe_descriptor(event, Direction::any, ThreadFiles::of_ours(1 << 30)) == number(event));
}

// A child with descriptors that we do not have.
class OtherProcess {
 public:
  explicit OtherProcess(const sockaddr_in& server) {
    int ready[2];
    REQUIRE(pipe2(ready, O_CLOEXEC) == 0);
    pid_ = fork();
    if (pid_ == 0) {
      const int client = socket(AF_INET, SOCK_STREAM, 0);
      int numbers[2] = {client, eventfd(0, 0)};
      if (connect(client, reinterpret_cast<const sockaddr*>(&server), sizeof server) != 0) _exit(1);
      if (write(ready[1], numbers, sizeof numbers) < 0) _exit(1);
      for (;;) pause();
    }
    close(ready[1]);
    REQUIRE(read(ready[0], descriptors_, sizeof descriptors_) == sizeof descriptors_);
    close(ready[0]);
  }
  ~OtherProcess() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  OtherProcess(const OtherProcess&) = delete;
  OtherProcess& operator=(const OtherProcess&) = delete;
  pid_t pid() const { return pid_; }
  int socket_number() const { return descriptors_[0]; }
  int event_number() const { return descriptors_[1]; }

 private:
  pid_t pid_ = 0;
  int descriptors_[2] = {};
};

TEST_CASE("another process's descriptors are looked up by its numbers") {
  const Descriptor server(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address = loopback(0);
  socklen_t length = sizeof address;
  REQUIRE(bind(server, reinterpret_cast<const sockaddr*>(&address), length) == 0);
  REQUIRE(listen(server, 1) == 0);
  REQUIRE(getsockname(server, reinterpret_cast<sockaddr*>(&address), &length) == 0);
  const OtherProcess other(address);
  const ThreadFiles its = ThreadFiles::of(other.pid(), other.pid());
  const std::string socket_text = describe_descriptor(other.socket_number(), Direction::any, its);
  const std::string peer = "127.0.0.1:" + number(ntohs(address.sin_port));
  CHECK(socket_text == number(other.socket_number()) + " -> " + peer);
  CHECK(describe_descriptor(other.event_number(), Direction::any, its) == number(other.event_number()) + " eventfd");
  CHECK(describe_descriptor(99, Direction::any, its) == "99 (closed)");
}

TEST_CASE("of a process that has exited, only the number is known") {
  CHECK(describe_descriptor(7, Direction::sending, ThreadFiles()) == "7");
}

TEST_CASE("addresses of every family are written as people write them") {
  CHECK(describe_address(bytes_of(loopback(443))) == "127.0.0.1:443");
  sockaddr_in6 six{};
  six.sin6_family = AF_INET6;
  six.sin6_port = htons(80);
  REQUIRE(inet_pton(AF_INET6, "2001:db8::1", &six.sin6_addr) == 1);
  CHECK(describe_address(bytes_of(six)) == "[2001:db8::1]:80");

  sockaddr_un local{};
  const auto of = [&](std::string_view name) {
    const socklen_t length = fill_unix_address(&local, name);
    return describe_address(bytes_of(local).substr(0, length));
  };
  CHECK(of("/run/x.sock") == "/run/x.sock");
  CHECK(of(std::string_view("/run/x.sock\0rest", 16)) == "/run/x.sock");
  CHECK(of(std::string_view("\0name", 5)) == "@name");
  CHECK(of("") == "unnamed unix socket");

  sockaddr other{};
  other.sa_family = AF_NETLINK;
  CHECK(describe_address(bytes_of(other)) == "address family 16");
  CHECK(describe_address("").empty());
  CHECK(describe_address("x").empty());
}

TEST_CASE("an address that is cut short is not read beyond its end") {
  const sockaddr_in whole = loopback(443);
  CHECK(describe_address(bytes_of(whole).substr(0, 4)) == "0.0.0.0:443");
}
