// Holders that wait for a pipe, a FIFO or a socket of this host: the process that has its other end open is named, also where a fork
// has left that end open here.
// RUN-ENV: HOLDWATCH_LIMIT=300ms HOLDWATCH_REPEAT=0
// EXPECT-JSON: waits_so("reads", "pipe", r"read\(fd \d+ pipe:.*\), its other end is open in process \d+ .far.", "far")
// EXPECT-JSON: waits_so("writes", "pipe", r"write\(fd \d+ pipe:.*\), its other end is open in process \d+ .far.", "far")
// EXPECT-JSON: waits_so("fifo", "pipe", r"read\(fd \d+ /.*\), its other end is open in process \d+ .far.", "far")
// EXPECT-JSON: waits_so("unix", "socket", r"recvfrom\(.*\), its other end is open in process \d+ .far.", "far")
// EXPECT-JSON: waits_so("tcp", "socket", r"recvfrom\(.*\), its other end is open in process \d+ .far.", "far")
// EXPECT-JSON: waits_so("tcp6", "socket", r"recvfrom\(.*\), its other end is open in process \d+ .far.", "far")
// EXPECT-JSON: waits_so("left_open", "pipe", r"read\(.*\), its other end is open in process \d+ .far. and this one", "far")
// EXPECT-JSON: waits_so("own", "pipe", r"read\(.*\), its other end is open in this process")
// EXPECT-JSON: all(event["root"]["thread"] == "far" and event["root"]["pid"] != event["pid"] for event in over if holder(event)["thread"] in ("reads", "fifo", "unix", "tcp"))
// EXPECT-JSON: all(one["evidence"] == "stated" and one["pid"] == one["tid"] for one in wait_of("reads")["enders"])
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <csignal>
#include <mutex>
#include <vector>

#include "tests/programs/harness.h"
using namespace harness;

namespace {

struct Ends {
  int here, there;
};

Ends pipe_to_read() {
  int ends[2];
  CHECK(pipe(ends) == 0);
  return {ends[0], ends[1]};
}

Ends pipe_to_write() {
  int ends[2];
  CHECK(pipe(ends) == 0);
  return {ends[1], ends[0]};
}

Ends fifo_to_read() {
  const std::string path = temporary_path("fifo");
  CHECK(mkfifo(path.c_str(), 0600) == 0);
  const int here = open(path.c_str(), O_RDONLY | O_NONBLOCK), there = open(path.c_str(), O_WRONLY);
  CHECK(here >= 0 && there >= 0 && fcntl(here, F_SETFL, 0) == 0);
  return {here, there};
}

Ends unix_pair() {
  int ends[2];
  CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
  return {ends[0], ends[1]};
}

// A connection over the loopback; with `is_dual`, the server's end is an IPv6 socket that an IPv4 client connects to.
Ends tcp_pair(bool is_dual) {
  const int server = socket(is_dual ? AF_INET6 : AF_INET, SOCK_STREAM, 0);
  sockaddr_in6 any{};
  any.sin6_family = AF_INET6;
  sockaddr_in local{};
  local.sin_family = AF_INET;
  local.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (is_dual)
    CHECK(bind(server, reinterpret_cast<sockaddr*>(&any), sizeof any) == 0);
  else
    CHECK(bind(server, reinterpret_cast<sockaddr*>(&local), sizeof local) == 0);
  CHECK(listen(server, 1) == 0);
  sockaddr_storage bound{};
  socklen_t length = sizeof bound;
  CHECK(getsockname(server, reinterpret_cast<sockaddr*>(&bound), &length) == 0);
  local.sin_port = reinterpret_cast<sockaddr_in*>(&bound)->sin_port;
  const int client = socket(AF_INET, SOCK_STREAM, 0);
  CHECK(connect(client, reinterpret_cast<sockaddr*>(&local), sizeof local) == 0);
  const int accepted = accept(server, nullptr, nullptr);
  CHECK(accepted >= 0);
  close(server);
  return {client, accepted};
}

// Keeps the far ends, and none of the near ones.
void be_far(const std::vector<Ends>& all) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  prctl(PR_SET_NAME, "far");
  for (const Ends& ends : all) close(ends.here);
  while (true) pause();
}

}  // namespace

int main() {
  const Ends reads = pipe_to_read(), writes = pipe_to_write(), fifo = fifo_to_read(), pair = unix_pair(),
             tcp = tcp_pair(false), tcp6 = tcp_pair(true), left_open = pipe_to_read();
  const pid_t far = fork();
  if (far == 0) be_far({reads, writes, fifo, pair, tcp, tcp6, left_open});
  for (const Ends& ends : {reads, writes, fifo, pair, tcp, tcp6}) close(ends.there);
  const Ends own = pipe_to_read();
  if (!is_watched()) return kill(far, SIGKILL);
  const auto hold_and = [](const char* name, auto call) {
    new Thread(name, [call] {
      std::mutex mutex;
      const std::lock_guard holding(mutex);
      call();
    });
  };
  static char bytes[1 << 20];
  const auto receive = [](int socket) { return [socket] { recv(socket, bytes, 1, 0); }; };
  const auto read_from = [](int pipe) { return [pipe] { read(pipe, bytes, 1); }; };
  hold_and("reads", read_from(reads.here));
  hold_and("writes", [writes] { write(writes.here, bytes, sizeof bytes); });
  hold_and("fifo", read_from(fifo.here));
  hold_and("unix", receive(pair.here));
  hold_and("tcp", receive(tcp.here));
  hold_and("tcp6", receive(tcp6.here));
  hold_and("left_open", read_from(left_open.here));
  hold_and("own", read_from(own.here));
  await_report("over", 8);
  ::_exit(0);  // the far process ends with this one: ending it first would end the writer by SIGPIPE
}
