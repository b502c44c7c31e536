// The cause line: a thread's state, or its system call with what the arguments say.
#include "symbolizer/activity/activity.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

#include "symbolizer/unwind/process_memory.h"
#include "tests/catch.h"

using namespace holdwatch;

namespace {

SystemCall call_of(long number, std::initializer_list<uint64_t> arguments) {
  SystemCall call{};
  call.known = true;
  call.number = number;
  size_t i = 0;
  for (const uint64_t argument : arguments) call.arguments[i++] = argument;
  return call;
}

std::string activity(const SystemCall& call, std::string_view lock = "", ThreadState state = ThreadState::blocked) {
  ProcessMemory memory(getpid());
  Snapshot snapshot{};
  snapshot.state = state;
  snapshot.call = call;
  return describe_activity(snapshot, lock, {ThreadFiles::of_ours(gettid()), &memory, "", {}});
}

// Where the thread may have gone on.
std::string by_registers(const SystemCall& call) {
  Snapshot snapshot{};
  snapshot.state = ThreadState::blocked;
  snapshot.call = call;
  return describe_activity(snapshot, "", {});
}

std::string doing(long number, std::initializer_list<uint64_t> arguments = {}) {
  return activity(call_of(number, arguments));
}

uint64_t text_at(const char* text) {
  return reinterpret_cast<uintptr_t>(text);
}

constexpr uint64_t kWorkingDirectory = static_cast<uint32_t>(AT_FDCWD);

// Descriptor 100, which nothing else has.
struct Descriptor100 {
  Descriptor100() {
    const int original = eventfd(0, EFD_CLOEXEC);
    REQUIRE(dup2(original, 100) == 100);
    close(original);
  }
  ~Descriptor100() { close(100); }
};

}  // namespace

TEST_CASE("a thread that is not blocked is described by its state alone") {
  const SystemCall call = call_of(SYS_read, {0});
  CHECK(activity(call, "", ThreadState::running) == "running");
  CHECK(activity(call, "", ThreadState::stopped) == "stopped");
  CHECK(activity(call, "", ThreadState::gone) == "exited");
}

TEST_CASE("a blocked thread whose call is not known is shown as blocked") {
  CHECK(activity(SystemCall{}) == "blocked (unknown system call)");
}

TEST_CASE("a call on a descriptor says where that leads") {
  const Descriptor100 descriptor;
  for (const auto& [number, name] : {std::pair{SYS_read, "read"},
                                     {SYS_recvfrom, "recvfrom"},
                                     {SYS_accept, "accept"},
                                     {SYS_fsync, "fsync"},
                                     {SYS_flock, "flock"}})
    CHECK(doing(number, {100}) == std::string(name) + "(fd 100 eventfd)");
  CHECK(doing(SYS_epoll_wait, {100, 0, 1, 3000}) == "epoll_wait(fd 100 eventfd, timeout 3 s)");
  CHECK(doing(SYS_fcntl, {100, F_SETLKW}) == "fcntl(fd 100 eventfd, F_SETLKW)");
  CHECK(doing(SYS_flock, {100, LOCK_EX}) == "flock(fd 100 eventfd, exclusive)");
  CHECK(doing(SYS_ioctl, {100, 0x5409}) == "ioctl(fd 100 eventfd, 0x5409)");
}

TEST_CASE("a descriptor that is being closed is no longer what its number leads to") {
  const Descriptor100 descriptor;
  CHECK(doing(SYS_close, {100}) == "close(fd 100)");
  CHECK(doing(SYS_dup2, {100, 100}) == "dup2(fd 100 eventfd, fd 100)");
}

TEST_CASE("if the thread may have continued, only its registers are shown") {
  const Descriptor100 descriptor;
  const timespec time = {3, 0};
  CHECK(by_registers(call_of(SYS_read, {100})) == "read(fd 100)");
  CHECK(by_registers(call_of(SYS_epoll_wait, {100, 0, 1, 3000})) == "epoll_wait(fd 100, timeout 3 s)");
  CHECK(by_registers(call_of(SYS_nanosleep, {reinterpret_cast<uintptr_t>(&time)})) == "nanosleep(...)");
  CHECK(by_registers(call_of(SYS_open, {text_at("/srv/data")})) == "open(...)");
  CHECK(by_registers(call_of(SYS_wait4, {4711})) == "wait4(pid 4711)");
  const pollfd entry = {100, POLLIN, 0};
  CHECK(by_registers(call_of(SYS_poll, {reinterpret_cast<uintptr_t>(&entry), 1, 50})) ==
        "poll(up to 1 fds; timeout 50 ms)");
}

TEST_CASE("a call that sends says what has not left yet") {
  int ends[2];
  REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
  REQUIRE(write(ends[1], "x", 1) == 1);
  const std::string sending = doing(SYS_write, {static_cast<uint64_t>(ends[1])});
  const std::string receiving = doing(SYS_read, {static_cast<uint64_t>(ends[0])});
  close(ends[0]);
  close(ends[1]);
  CHECK(Catch::startsWith(sending, "write(fd " + std::to_string(ends[1]) + " pipe:["));
  CHECK(Catch::endsWith(sending, "], 1 B unread)"));
  CHECK(Catch::startsWith(receiving, "read(fd " + std::to_string(ends[0]) + " pipe:["));
  CHECK(Catch::endsWith(receiving, "])"));
}

TEST_CASE("a futex that belongs to a lock is shown by the lock's id") {
  const SystemCall futex = call_of(SYS_futex, {0x7f1234});
  CHECK(activity(futex, "L3") == "waiting for L3 (futex 0x7f1234)");
  CHECK(activity(futex) == "futex(0x7f1234)");
  // A lock's name belongs to futex calls only.
  CHECK(activity(call_of(SYS_pause, {}), "L3") == "pause()");
}

TEST_CASE("a call on a path says which, and from where if that is a descriptor") {
  const Descriptor100 descriptor;
  const uint64_t path = text_at("/srv/data\n1");
  CHECK(doing(SYS_open, {path}) == "open(/srv/data\\x0a1)");
  CHECK(doing(SYS_openat, {kWorkingDirectory, path}) == "openat(/srv/data\\x0a1)");
  CHECK(doing(SYS_openat, {100, text_at("name")}) == "openat(fd 100 eventfd, name)");
  CHECK(doing(SYS_openat, {static_cast<uint32_t>(-1), path}) == "openat(/srv/data\\x0a1)");
  CHECK(doing(SYS_openat, {100, path}) == "openat(/srv/data\\x0a1)");
  CHECK(doing(SYS_rename, {text_at("a"), text_at("b")}) == "rename(a, b)");
  CHECK(doing(SYS_openat, {kWorkingDirectory, 8}) == "openat(?)");
}

TEST_CASE("waiting for a process says which") {
  CHECK(doing(SYS_wait4, {4711}) == "wait4(pid 4711)");
  CHECK(doing(SYS_wait4, {static_cast<uint32_t>(-1)}) == "wait4(any child)");
  CHECK(doing(SYS_wait4, {0}) == "wait4(any child of the same group)");
  CHECK(doing(SYS_wait4, {static_cast<uint32_t>(-12)}) == "wait4(any child of group 12)");
  CHECK(doing(SYS_waitid, {P_ALL, 0}) == "waitid(any child)");
  CHECK(doing(SYS_waitid, {P_PID, 4711}) == "waitid(pid 4711)");
  CHECK(doing(SYS_waitid, {P_PGID, 12}) == "waitid(any child of group 12)");
  CHECK(doing(SYS_process_vm_readv, {4711}) == "process_vm_readv(pid 4711)");
}

TEST_CASE("a call without interesting arguments is not shown as having none") {
  CHECK(doing(SYS_mmap, {1, 2, 3}) == "mmap(...)");
  CHECK(doing(SYS_pause) == "pause()");
}

TEST_CASE("sleeps and polls say how long") {
  const timespec time = {3, 0};
  CHECK(doing(SYS_clock_nanosleep, {CLOCK_REALTIME, 0, reinterpret_cast<uintptr_t>(&time)}) == "clock_nanosleep(3 s)");
  CHECK(doing(SYS_poll, {0, 0, 3000}) == "poll(no fds; timeout 3 s)");
}

TEST_CASE("a call that the table does not know is called by its number") {
  CHECK(doing(99999) == "system call 99999");
}

TEST_CASE("every call can be described with arguments that lead nowhere") {
  for (long number = 0; number < 512; ++number) {
    INFO("system call " << number);
    CHECK_FALSE(doing(number, {8, 8, 8, 8, 8, 8}).empty());
    CHECK_FALSE(doing(number, {UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX}).empty());
  }
}
