// What a holder is doing is put into the right words: which descriptors count, what a timeout means, whose bytes they are.
// RUN-ENV: HOLDWATCH_LIMIT=200ms HOLDWATCH_RATE=1000
// EXPECT-JSON: doing("queue", r"mq_timedreceive\(fd \d+ /holdwatch_doing_\d+ \(deleted\), timeout in 14 min( \d+ s)?\)")
// EXPECT-JSON: doing("stream", r"sendto\(fd \d+ -> unnamed unix socket\)(, its other end is open in .*)?")
// EXPECT-JSON: doing("datagrams", r"sendto\(fd \d+ -> unnamed unix socket\)(, its other end is open in .*)?")
// EXPECT-JSON: doing("poll", r"poll\(fd \d+ pipe:\[\d+\]; timeout 15 min\)")
// EXPECT-JSON: doing("poll_none", r"poll\(no fds; timeout 15 min\)")
// EXPECT-JSON: doing("own_table", r"read\(fd 200 pipe:\[\d+\]\)(, its other end is open in .*)?")
// EXPECT-JSON: doing("reused", r"read\(fd 201\)")
// EXPECT-JSON: doing("until", r"clock_nanosleep\(until 14 min( \d+ s)? from now\)")
// EXPECT-JSON: doing("processor", r"clock_nanosleep\(14 min( \d+ s)? more CPU time\)")
// EXPECT-JSON: doing("futex_for", r"futex\(0x\w+, timeout 15 min\)")
// EXPECT-JSON: doing("futex_until", r"futex\(0x\w+, timeout in 14 min( \d+ s)?\)")
// EXPECT-JSON: doing("futex_wall", r"futex\(0x\w+, timeout in 14 min( \d+ s)?\)")
// EXPECT-JSON: doing("receive", r"recvfrom\(fd \d+ -> unnamed unix socket, timeout 15 min\)(, its other end is open in .*)?")
// EXPECT-JSON: doing("datagram", r"recvfrom\(fd \d+ bound to 127\.0\.0\.1:\d+\)")
// EXPECT-JSON: doing("select", r"pselect6\(fd \d+ pipe:\[\d+\]; timeout 15 min\)")
// EXPECT-JSON: doing("child", r"waitid\(pid \d+\)")
// EXPECT-JSON: doing("folder", r"openat\(/\S+/fifo\)")
// EXPECT-JSON: doing("escape", r"openat\(/\S+/a\\x0a\\x1bb\)")
#include <fcntl.h>
#include <linux/futex.h>
#include <mqueue.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <list>
#include <mutex>

#include "tests/programs/harness.h"
using namespace harness;

constexpr timespec kLong = {900, 0};

timespec long_from_now(clockid_t clock) {
  timespec time;
  CHECK(clock_gettime(clock, &time) == 0);
  time.tv_sec += kLong.tv_sec;
  return time;
}

struct Pipe {
  Pipe() { CHECK(pipe2(ends, O_CLOEXEC) == 0); }
  int ends[2];
};
Pipe a_pipe;

// Never returns: nobody reads.
void fill(int type) {
  int pair[2];
  CHECK(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, pair) == 0);
  while (send(pair[0], "x", 1, 0) == 1) continue;
}

void receive_from_queue() {
  const std::string name = "/holdwatch_doing_" + std::to_string(getpid());
  mq_attr sizes{};
  sizes.mq_maxmsg = 1;
  sizes.mq_msgsize = 16;
  const mqd_t queue = mq_open(name.c_str(), O_RDWR | O_CREAT, 0600, &sizes);
  CHECK(queue >= 0 && mq_unlink(name.c_str()) == 0);
  const timespec end = long_from_now(CLOCK_REALTIME);
  char message[16];
  mq_timedreceive(queue, message, sizeof message, nullptr, &end);
}

void poll_some() {
  pollfd entries[] = {{-1, POLLIN, 0}, {a_pipe.ends[0], POLLIN, 0}, {-1, 0, 0}};
  poll(entries, 3, 900'000);
}

void poll_none() {
  pollfd entry = {-1, POLLIN, 0};
  poll(&entry, 1, 900'000);
}

// The process's descriptor of that number leads elsewhere.
void read_by_own_table() {
  CHECK(dup2(open("/dev/null", O_RDONLY | O_CLOEXEC), 200) == 200);
  if (unshare(CLONE_FILES) != 0) leave_out("this user cannot give a thread descriptors of its own (unshare)");
  CHECK(dup2(a_pipe.ends[0], 200) == 200);
  char byte;
  CHECK(read(200, &byte, 1) == 1);
}

// Another thread gives the number to another file: the call goes on with the pipe.
void read_what_is_replaced() {
  CHECK(dup2(a_pipe.ends[0], 201) == 201);
  const pid_t self = static_cast<pid_t>(syscall(SYS_gettid));
  std::thread([self] {
    const std::string call = "/proc/self/task/" + std::to_string(self) + "/syscall";
    while (!read_file(call).starts_with("0 0xc9 ")) pause_briefly();
    CHECK(dup2(open("/dev/null", O_RDONLY | O_CLOEXEC), 201) == 201);
  }).detach();
  char byte;
  CHECK(read(201, &byte, 1) == 1);
}

void sleep_until(clockid_t clock) {
  const timespec end = long_from_now(clock);
  clock_nanosleep(clock, TIMER_ABSTIME, &end, nullptr);
}

void wait_on_word(int operation, const timespec& time) {
  static unsigned word;
  syscall(SYS_futex, &word, operation, 0, &time, nullptr, FUTEX_BITSET_MATCH_ANY);
}

void receive_with_timeout() {
  int pair[2];
  CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
  const timeval time = {kLong.tv_sec, 0};
  CHECK(setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time) == 0);
  char byte;
  recv(pair[0], &byte, 1, 0);
}

void receive_datagram() {
  const int udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  CHECK(bind(udp, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  char byte;
  recv(udp, &byte, 1, 0);
}

void select_one() {
  fd_set readers;
  FD_ZERO(&readers);
  FD_SET(a_pipe.ends[0], &readers);
  pselect(FD_SETSIZE, &readers, nullptr, nullptr, &kLong, nullptr);
}

void wait_for_child() {
  const pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    const pid_t parent = getppid();
    while (getppid() == parent) pause_briefly();
    _exit(0);
  }
  siginfo_t info;
  waitid(P_PID, static_cast<id_t>(child), &info, WEXITED);
}

// With a folder's descriptor that counts for nothing, for the path is absolute.
void open_fifo(const char* name, int folder) {
  const std::string path = temporary_path(name);
  CHECK(mkfifo(path.c_str(), 0600) == 0);
  openat(folder, path.c_str(), O_RDONLY | O_CLOEXEC);
}

int main() {
  const struct {
    const char* name;
    std::function<void()> block;
  } kinds[] = {
      {"queue", receive_from_queue},
      {"stream", [] { fill(SOCK_STREAM); }},
      {"datagrams", [] { fill(SOCK_DGRAM); }},
      {"poll", poll_some},
      {"poll_none", poll_none},
      {"own_table", read_by_own_table},
      {"reused", read_what_is_replaced},
      {"until", [] { sleep_until(CLOCK_MONOTONIC); }},
      {"processor", [] { sleep_until(CLOCK_PROCESS_CPUTIME_ID); }},
      {"futex_for", [] { wait_on_word(FUTEX_WAIT_PRIVATE, kLong); }},
      {"futex_until", [] { wait_on_word(FUTEX_WAIT_BITSET_PRIVATE, long_from_now(CLOCK_MONOTONIC)); }},
      {"futex_wall",
       [] { wait_on_word(FUTEX_WAIT_BITSET_PRIVATE | FUTEX_CLOCK_REALTIME, long_from_now(CLOCK_REALTIME)); }},
      {"receive", receive_with_timeout},
      {"datagram", receive_datagram},
      {"select", select_one},
      {"child", wait_for_child},
      {"folder", [] { open_fifo("fifo", a_pipe.ends[0]); }},
      {"escape",
       [] {
         open_fifo(
             "a\n\x1b"
             "b",
             AT_FDCWD);
       }},
  };
  std::list<std::mutex> locks;
  std::list<Thread> holders;
  for (const auto& kind : kinds) {
    std::mutex& lock = locks.emplace_back();
    holders.emplace_back(kind.name, [&] {
      const std::lock_guard guard(lock);
      kind.block();
    });
  }
  for (const auto& kind : kinds) await_report_of("over", kind.name, 1);
  std::fflush(stdout);
  _exit(0);
}
