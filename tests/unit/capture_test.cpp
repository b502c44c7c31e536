// Where another thread is: blocked, running, stopped, gone, and where the kernel will not tell.
#include "shim/inspection/capture.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstring>
#include <functional>
#include <string>
#include <thread>

#include "shim/common/contract/settings.h"
#include "shim/inspection/local_memory.h"
#include "shim/own_threads/seccomp_state.h"
#include "tests/catch.h"
#include "tests/unit/in_child.h"
#include "tests/unit/left_out.h"
#include "tests/unit/spinning.h"

using namespace holdwatch;

namespace {

int current_tid() {
  return static_cast<int>(syscall(SYS_gettid));
}

// As the thread's creator knows it: the mapping may go on beyond the stack.
uintptr_t current_stack_end() {
  pthread_attr_t attributes;
  void* start = nullptr;
  size_t size = 0;
  pthread_getattr_np(pthread_self(), &attributes);
  pthread_attr_getstack(&attributes, &start, &size);
  pthread_attr_destroy(&attributes);
  return reinterpret_cast<uintptr_t>(start) + size;
}

// A thread that runs `body` once.
class Worker {
 public:
  explicit Worker(std::function<void()> body) {
    thread_ = std::thread([this, body] {
      stack_end_ = current_stack_end();
      tid_ = current_tid();
      body();
    });
    while (tid_ == 0) std::this_thread::yield();
  }
  ~Worker() { join(); }
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  void join() {
    if (thread_.joinable()) thread_.join();
  }
  int tid() const { return tid_; }
  uintptr_t stack_end() const { return stack_end_; }

 private:
  std::atomic<int> tid_{0};
  uintptr_t stack_end_ = 0;
  std::thread thread_;
};

class Pipe {
 public:
  Pipe() { REQUIRE(pipe(ends_) == 0); }
  ~Pipe() {
    close(ends_[0]);
    close(ends_[1]);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;

  int reader() const { return ends_[0]; }
  void put() const { REQUIRE(write(ends_[1], "x", 1) == 1); }

 private:
  int ends_[2];
};

// Memory for a stack.
class Mapping {
 public:
  explicit Mapping(int kind) : memory_(mmap(nullptr, kSize, PROT_READ | PROT_WRITE, kind | MAP_ANONYMOUS, -1, 0)) {
    REQUIRE(memory_ != MAP_FAILED);
  }
  ~Mapping() { munmap(memory_, kSize); }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;

  MemoryRange range() const {
    const auto start = reinterpret_cast<uintptr_t>(memory_);
    return {start, start + kSize};
  }

 private:
  static constexpr size_t kSize = 65536;
  void* memory_;
};

// On a stack too large to be copied: it stays to be verified live.
__attribute__((noinline)) void on_large_stack(const std::function<void()>& body) {
  volatile char large[100'000];
  large[0] = 1;
  body();
  static_cast<void>(large[0]);  // alive until here
}

void read_byte(int descriptor) {
  char byte;
  while (read(descriptor, &byte, 1) < 0) {
  }
}

bool contains(const char* text, const char* part) {
  return std::string(text).find(part) != std::string::npos;
}

// The worker's thread once it sleeps in the kernel: however long it takes to get there.
bool capture_when_blocked(const Worker& worker, Snapshot* out) {
  bool captured = false;
  do captured = capture_thread(worker.tid(), worker.stack_end(), out);
  while (out->state == ThreadState::running);
  return captured;
}

// The worker's thread while it spins: again if the machine has left it without a processor for too long.
bool capture_when_running(const Worker& worker, Snapshot* out) {
  bool captured = false;
  do captured = capture_thread(worker.tid(), worker.stack_end(), out);
  while (!captured && contains(out->why_short, "got no CPU"));
  return captured;
}

void no_signal_left_behind() {
  for (int signal = SIGRTMIN; signal <= SIGRTMAX; ++signal) {
    struct sigaction action;
    REQUIRE(sigaction(signal, nullptr, &action) == 0);
    CHECK(action.sa_handler == SIG_DFL);
  }
}

// 0 if `body` returned true in a child process.
int result_in_child(const std::function<bool()>& body) {
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) _exit(body() ? 0 : 1);
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  return status;
}

// Puts a filter that lets every system call through over the calling thread, and those that it makes. False if the kernel has none.
bool filter_nothing() {
  sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  const sock_fprog program = {1, &allow};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

// From the calling process alone.
bool hide_proc() {
  return unshare(CLONE_NEWNS) == 0 && mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
         mount("none", "/proc", "tmpfs", 0, nullptr) == 0;
}

}  // namespace

TEST_CASE("a blocked thread shows its call, its arguments and its place, and its stack is copied") {
  REQUIRE(capture_start(kSignalAuto));
  const Pipe pipe;
  Worker worker([&] { read_byte(pipe.reader()); });
  Snapshot snapshot;
  const bool captured = capture_when_blocked(worker, &snapshot);
  const bool unchanged = capture_unchanged(snapshot);
  const bool copy_is_the_stack =
      snapshot.copy != nullptr &&
      memcmp(snapshot.copy, reinterpret_cast<const void*>(snapshot.copy_address), snapshot.copy_size) == 0;
  pipe.put();
  worker.join();

  REQUIRE(captured);
  CHECK(unchanged);
  CHECK(snapshot.tid == worker.tid());
  CHECK(snapshot.state == ThreadState::blocked);
  REQUIRE(snapshot.call.known);
  CHECK(snapshot.call.number == SYS_read);
  CHECK(snapshot.call.arguments[0] == static_cast<uint64_t>(pipe.reader()));
  CHECK(snapshot.call.arguments[2] == 1);
  CHECK(snapshot.registers.known == (Registers::kIpIsKnown | Registers::kSpIsKnown));
  CHECK(snapshot.registers.ip_is_exact);
  // The instruction before the place is `syscall`.
  CHECK(memcmp(reinterpret_cast<const void*>(snapshot.registers.ip - 2), "\x0f\x05", 2) == 0);
  CHECK(snapshot.registers.sp < worker.stack_end());
  CHECK(snapshot.stack_end == worker.stack_end());
  CHECK(snapshot.copy_address == snapshot.registers.sp);
  CHECK(snapshot.copy_address + snapshot.copy_size == worker.stack_end());
  CHECK(copy_is_the_stack);
  CHECK(std::string(snapshot.why_short).empty());
}

TEST_CASE("a thread that has run since is found changed, though it blocks in the same place again") {
  REQUIRE(capture_start(kSignalAuto));
  const Pipe pipe;
  Worker worker([&] {
    on_large_stack([&] {
      char byte;
      for (int i = 0; i < 2; ++i) {
        while (read(pipe.reader(), &byte, 1) < 0) {
        }
      }
    });
  });
  Snapshot before;
  REQUIRE(capture_when_blocked(worker, &before));
  // The first look may have come before the thread had quite gone to sleep: take one that is sure.
  while (!capture_unchanged(before)) REQUIRE(capture_when_blocked(worker, &before));
  pipe.put();
  // The byte is gone from the pipe only once the thread has taken it, that is, has run.
  pollfd readable = {pipe.reader(), POLLIN, 0};
  while (poll(&readable, 1, 0) == 1) std::this_thread::yield();
  Snapshot after;
  const bool captured = capture_when_blocked(worker, &after);
  const bool before_unchanged = capture_unchanged(before);
  pipe.put();
  worker.join();
  REQUIRE(captured);
  CHECK(after.registers.ip == before.registers.ip);
  CHECK(after.registers.sp == before.registers.sp);
  CHECK_FALSE(before_unchanged);
}

TEST_CASE("a thread that has left the system call is found changed") {
  REQUIRE(capture_start(kSignalAuto));
  const Pipe pipe;
  std::atomic<bool> reading{true};
  std::atomic<bool> stop{false};
  Worker worker([&] {
    on_large_stack([&] { read_byte(pipe.reader()); });
    reading = false;
    spin_until(stop);
  });
  Snapshot snapshot;
  const bool captured = capture_when_blocked(worker, &snapshot);
  pipe.put();
  while (reading) std::this_thread::yield();
  const bool unchanged = capture_unchanged(snapshot);
  stop = true;
  CHECK(captured);
  CHECK_FALSE(unchanged);
}

TEST_CASE("a blocked thread gets no signal: capturing it neither shortens nor lengthens a sleep") {
  REQUIRE(capture_start(kSignalAuto));
  const timespec time = {0, 100'000'000};
  int result = -1;
  std::atomic<bool> done{false};
  Worker worker([&] {
    // Made without libc's wrapper, so that a signal would show: such a call is not begun again.
    result = static_cast<int>(syscall(SYS_nanosleep, &time, nullptr));
    done = true;
  });
  Snapshot snapshot;
  REQUIRE(capture_when_blocked(worker, &snapshot));
  while (!done && snapshot.state == ThreadState::blocked) capture_thread(worker.tid(), worker.stack_end(), &snapshot);
  worker.join();
  CHECK(result == 0);
}

TEST_CASE("a thread that blocks for moments only is copied whole all the same") {
  REQUIRE(capture_start(kSignalAuto));
  std::atomic<bool> stop{false};
  Worker worker([&] {
    while (!stop) usleep(100);
  });
  int copied = 0;
  Snapshot snapshot;
  for (int i = 0; i < 10'000 && copied < 100; ++i) {
    if (!capture_thread(worker.tid(), worker.stack_end(), &snapshot) || snapshot.copy == nullptr) continue;
    ++copied;
    CHECK(snapshot.copy_address + snapshot.copy_size == worker.stack_end());
  }
  stop = true;
  CHECK(copied == 100);
}

TEST_CASE("a running thread is copied, and no signal is left behind") {
  REQUIRE(capture_start(kSignalAuto));
  std::atomic<bool> stop{false};
  std::atomic<uintptr_t> marker{0};
  Worker worker([&] { spin_with_marker(stop, &marker); });
  while (marker == 0) std::this_thread::yield();
  Snapshot snapshot;
  const bool captured = capture_when_running(worker, &snapshot);
  const bool has_marker = copy_has(snapshot, marker, kMarker);
  const bool unchanged = capture_unchanged(snapshot);
  stop = true;
  INFO(snapshot.why_short);
  REQUIRE(captured);
  CHECK(snapshot.state == ThreadState::running);
  CHECK_FALSE(snapshot.call.known);
  CHECK(snapshot.registers.known == 0xff);
  CHECK(has_marker);
  CHECK(snapshot.copy_address + snapshot.copy_size == worker.stack_end());
  CHECK(snapshot.stack_end == worker.stack_end());
  // A copy is true of its moment: there is nothing live to verify.
  CHECK(unchanged);
  no_signal_left_behind();
}

TEST_CASE("a running thread whose stack is not known is copied as well") {
  REQUIRE(capture_start(kSignalAuto));
  std::atomic<bool> stop{false};
  std::atomic<uintptr_t> marker{0};
  Worker worker([&] { spin_with_marker(stop, &marker); });
  while (marker == 0) std::this_thread::yield();
  Snapshot snapshot;
  bool captured = false;
  do captured = capture_thread(worker.tid(), 0, &snapshot);
  while (!captured && contains(snapshot.why_short, "got no CPU"));
  const bool has_marker = copy_has(snapshot, marker, kMarker);
  stop = true;
  INFO(snapshot.why_short);
  CHECK(captured);
  CHECK(has_marker);
}

// A thread that runs on another stack than its own, where a marker is.
struct SpinsOnOtherStack {
  explicit SpinsOnOtherStack(int flags) : stack(flags) {
    while (marker == 0) std::this_thread::yield();
  }
  ~SpinsOnOtherStack() { end(); }
  void end() {
    stop = true;
    worker.join();
  }

  const Mapping stack;
  std::atomic<bool> stop{false};
  std::atomic<uintptr_t> marker{0};
  Worker worker{[this] { run_on_stack(stack.range(), [this] { spin_with_marker(stop, &marker); }); }};
};

TEST_CASE("a thread on a coroutine's stack is copied from there") {
  REQUIRE(capture_start(kSignalAuto));
  SpinsOnOtherStack spinning(MAP_PRIVATE);
  Snapshot snapshot;
  const bool captured = capture_when_running(spinning.worker, &snapshot);
  const bool has_marker = copy_has(snapshot, spinning.marker, kMarker);
  spinning.end();
  INFO(snapshot.why_short);
  CHECK(captured);
  CHECK(has_marker);
}

TEST_CASE("a sample of a thread on a coroutine's stack takes one signal, which finds the stack if it was seen before") {
  REQUIRE(capture_start(kSignalAuto));
  SpinsOnOtherStack spinning(MAP_PRIVATE);
  Snapshot snapshot;
  uintptr_t seen_sp = 0;
  bool first = true;
  while (seen_sp == 0) first = capture_sample(spinning.worker.tid(), spinning.worker.stack_end(), &seen_sp, &snapshot);
  const bool is_on_stack = spinning.stack.range().contains(seen_sp);
  bool second = false;
  do second = capture_sample(spinning.worker.tid(), spinning.worker.stack_end(), &seen_sp, &snapshot);
  while (!second && contains(snapshot.why_short, "got no CPU"));
  const bool has_marker = copy_has(snapshot, spinning.marker, kMarker);
  spinning.end();
  INFO(snapshot.why_short);
  CHECK_FALSE(first);
  CHECK(is_on_stack);
  CHECK(second);
  CHECK(has_marker);
}

TEST_CASE("with SIGNAL off or in use, a running thread is not captured, and the reason is given") {
  std::atomic<bool> stop{false};
  Worker worker([&] { spin_until(stop); });
  Snapshot snapshot;
  REQUIRE(capture_start(kSignalOff));
  CHECK_FALSE(capture_when_running(worker, &snapshot));
  CHECK(snapshot.state == ThreadState::running);
  CHECK(contains(snapshot.why_short, "SIGNAL=off"));

  std::signal(SIGRTMIN, SIG_IGN);
  CHECK_FALSE(capture_start(SIGRTMIN));
  CHECK_FALSE(capture_when_running(worker, &snapshot));
  std::signal(SIGRTMIN, SIG_DFL);
  stop = true;
  CHECK(contains(snapshot.why_short, "uses every real-time signal"));
}

TEST_CASE("a running thread that blocks every signal is not sampled") {
  REQUIRE(capture_start(kSignalAuto));
  std::atomic<bool> stop{false};
  std::atomic<bool> blocks{false};
  Worker worker([&] {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, nullptr);
    blocks = true;
    spin_until(stop);
  });
  while (!blocks) std::this_thread::yield();
  Snapshot snapshot;
  const bool captured = capture_when_running(worker, &snapshot);
  stop = true;
  CHECK_FALSE(captured);
  CHECK(snapshot.state == ThreadState::running);
  CHECK(contains(snapshot.why_short, "blocks the sampling signal"));
}

TEST_CASE("a thread that has exited is reported as gone") {
  REQUIRE(capture_start(kSignalAuto));
  Worker worker([] {});
  worker.join();
  Snapshot snapshot;
  // The kernel may keep the thread for a moment after it was joined.
  while (capture_thread(worker.tid(), worker.stack_end(), &snapshot) || snapshot.state != ThreadState::gone)
    std::this_thread::yield();
  CHECK(contains(snapshot.why_short, "thread exited"));
}

TEST_CASE("a thread that a debugger has stopped is reported as stopped, with its position") {
  REQUIRE(capture_start(kSignalAuto));
  const Pipe pipe;
  Worker worker([&] { read_byte(pipe.reader()); });
  // A child may trace its parent only if it is allowed to by name (Yama).
  prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
  const int tid = worker.tid();
  const Pipe stopped;
  const Pipe looked;
  const pid_t tracer = fork();
  if (tracer == 0) {
    if (ptrace(PTRACE_SEIZE, tid, nullptr, nullptr) != 0 || ptrace(PTRACE_INTERRUPT, tid, nullptr, nullptr) != 0)
      _exit(1);
    if (waitpid(tid, nullptr, __WALL) != tid) _exit(2);
    stopped.put();
    read_byte(looked.reader());
    ptrace(PTRACE_DETACH, tid, nullptr, nullptr);
    _exit(0);
  }
  pollfd ready = {stopped.reader(), POLLIN, 0};
  // A tracer that is not permitted ends at once, without a word.
  int status = 0;
  bool tracing = true;
  while (tracing && poll(&ready, 1, 10) == 0) tracing = waitpid(tracer, &status, WNOHANG) == 0;
  Snapshot snapshot{};
  const bool captured = tracing && capture_thread(tid, worker.stack_end(), &snapshot);
  looked.put();
  if (tracing) waitpid(tracer, &status, 0);
  pipe.put();
  worker.join();
  REQUIRE(tracing);
  REQUIRE(captured);
  CHECK(snapshot.state == ThreadState::stopped);
  CHECK(snapshot.registers.sp != 0);
}

TEST_CASE("in a process that changed its user, a blocked thread is not captured, and the reason is given") {
  if (left_out(getuid() != 0, "needs root")) return;  // only root can give up being root
  CHECK(result_in_child([] {
          capture_start(kSignalAuto);
          const Pipe pipe;
          if (setresuid(65534, 65534, 65534) != 0) return false;
          Worker worker([&] { read_byte(pipe.reader()); });
          Snapshot snapshot;
          const bool captured = capture_when_blocked(worker, &snapshot);
          pipe.put();
          return !captured && snapshot.state == ThreadState::blocked &&
                 contains(snapshot.why_short, "changed its user");
        }) == 0);
}

TEST_CASE("in a process that changed its user a running thread is captured all the same") {
  if (left_out(getuid() != 0, "needs root")) return;
  CHECK(result_in_child([] {
          capture_start(kSignalAuto);
          if (setresuid(65534, 65534, 65534) != 0) return false;
          std::atomic<bool> stop{false};
          std::atomic<uintptr_t> marker{0};
          Worker worker([&] { spin_with_marker(stop, &marker); });
          while (marker == 0) std::this_thread::yield();
          Snapshot snapshot;
          const bool captured = capture_when_running(worker, &snapshot) && copy_has(snapshot, marker, kMarker);
          stop = true;
          return captured;
        }) == 0);
}

TEST_CASE("own memory can be read in a process that changed its user") {
  if (left_out(getuid() != 0, "needs root")) return;
  if (left_out(prctl(PR_GET_SECCOMP) != 0, "a filter on system calls, as of a container, is in force")) return;
  CHECK(result_in_child([] {
          if (setresuid(65534, 65534, 65534) != 0) return false;
          const int value = 42;
          int out = 0;
          return read_local_memory(reinterpret_cast<uintptr_t>(&value), &out, sizeof out) == sizeof out && out == 42;
        }) == 0);
}

TEST_CASE("what a call refers to is of its moment until the thread has run, though the copy of its stack stays true") {
  REQUIRE(capture_start(kSignalAuto));
  const Pipe pipe;
  Worker worker([&] {
    for (int i = 0; i < 2; ++i) read_byte(pipe.reader());
  });
  Snapshot snapshot;
  do REQUIRE(capture_when_blocked(worker, &snapshot));
  while (snapshot.copy == nullptr);
  const bool lasts_at_first = capture_lasts(snapshot);
  pipe.put();
  pollfd readable = {pipe.reader(), POLLIN, 0};
  while (poll(&readable, 1, 0) == 1) std::this_thread::yield();
  const bool lasts = capture_lasts(snapshot);
  pipe.put();
  worker.join();
  CHECK(lasts_at_first);
  CHECK_FALSE(lasts);
  CHECK(capture_unchanged(snapshot));
}

TEST_CASE("a running thread's snapshot refers to nothing that could be over") {
  REQUIRE(capture_start(kSignalAuto));
  std::atomic<bool> stop{false};
  Worker worker([&] { spin_until(stop); });
  Snapshot snapshot;
  const bool captured = capture_when_running(worker, &snapshot);
  stop = true;
  worker.join();
  CHECK(captured);
  CHECK_FALSE(snapshot.switches_known);
  CHECK(capture_lasts(snapshot));
}

TEST_CASE("a blocked thread's large stack is left to be read where it is") {
  REQUIRE(capture_start(kSignalAuto));
  const Pipe pipe;
  Worker worker([&] { on_large_stack([&] { read_byte(pipe.reader()); }); });
  Snapshot snapshot;
  const bool captured = capture_when_blocked(worker, &snapshot);
  pipe.put();
  CHECK(captured);
  CHECK(snapshot.copy == nullptr);
  CHECK(snapshot.copy_size == 0);
  CHECK(snapshot.stack_end == worker.stack_end());
}

TEST_CASE("a blocked thread whose stack is not the one that is known has no end that is known, and no copy") {
  REQUIRE(capture_start(kSignalAuto));
  const Pipe pipe;
  Worker worker([&] { read_byte(pipe.reader()); });
  Snapshot snapshot;
  bool captured = false;
  do captured = capture_thread(worker.tid(), 0x10000, &snapshot);
  while (snapshot.state == ThreadState::running);
  pipe.put();
  CHECK(captured);
  CHECK(snapshot.registers.sp > 0x10000);
  CHECK(snapshot.stack_end == 0);
  CHECK(snapshot.copy == nullptr);
}

TEST_CASE("the stack of a running thread is not copied if other processes may share it, and the reason is given") {
  REQUIRE(capture_start(kSignalAuto));
  SpinsOnOtherStack spinning(MAP_SHARED);
  Snapshot snapshot;
  const bool captured = capture_when_running(spinning.worker, &snapshot);
  spinning.end();
  CHECK(captured);
  CHECK(snapshot.registers.known == 0xff);
  CHECK(snapshot.copy == nullptr);
  CHECK(contains(snapshot.why_short, "not private memory"));
}

TEST_CASE("the thread that ends the process is not captured: it waits for us") {
  REQUIRE(capture_start(kSignalAuto));
  const Pipe pipe;
  Worker worker([&] { read_byte(pipe.reader()); });
  Worker other([&] { read_byte(pipe.reader()); });
  Snapshot snapshot;
  capture_no_more_of(worker.tid());
  const bool captured = capture_thread(worker.tid(), worker.stack_end(), &snapshot);
  const std::string why = snapshot.why_short;
  const bool is_empty = snapshot.registers.known == 0 && !snapshot.call.known && snapshot.copy == nullptr;
  const bool captured_other = capture_when_blocked(other, &snapshot);
  capture_no_more_of(0);
  pipe.put();
  pipe.put();
  CHECK_FALSE(captured);
  CHECK(is_empty);
  CHECK(contains(why.c_str(), "is exiting the process"));
  CHECK(captured_other);
}

TEST_CASE("under a filter that may kill for a system call no thread is looked at") {
  REQUIRE(capture_start(kSignalAuto));
  const Pipe pipe;
  Worker worker([&] { read_byte(pipe.reader()); });
  Snapshot snapshot;
  g_seccomp_state.on_program.store(1);
  const bool captured = capture_thread(worker.tid(), worker.stack_end(), &snapshot);
  const std::string why = snapshot.why_short;
  int value = 0;
  const int known = 42;
  const size_t got = read_local_memory(reinterpret_cast<uintptr_t>(&known), &value, sizeof value);
  g_seccomp_state.on_program.store(0);
  pipe.put();
  CHECK_FALSE(captured);
  CHECK(contains(why.c_str(), "the program has a seccomp filter"));
  CHECK(got == 0);
}

TEST_CASE("a thread that filters its own system calls is not sampled while it runs, but captured while it is blocked") {
  CHECK(result_in_child([] {
          capture_start(kSignalAuto);
          const Pipe pipe;
          std::atomic<int> step{0};
          Worker worker([&] {
            step = filter_nothing() ? 1 : 3;
            while (step == 1) {
            }
            read_byte(pipe.reader());
          });
          while (step == 0) std::this_thread::yield();
          Snapshot snapshot;
          const bool captured = capture_when_running(worker, &snapshot);
          const bool is_right = step == 3 || (!captured && snapshot.state == ThreadState::running &&
                                              contains(snapshot.why_short, "has a seccomp filter"));
          step = 2;
          const bool seen = capture_when_blocked(worker, &snapshot);
          pipe.put();
          return is_right && seen;
        }) == 0);
}

TEST_CASE("a filter for the whole process, our threads included, does not prevent sampling") {
  CHECK(result_in_child([] {
          filter_nothing();
          capture_start(kSignalAuto);
          std::atomic<bool> stop{false};
          Worker worker([&] { spin_until(stop); });
          Snapshot snapshot;
          const bool captured = capture_when_running(worker, &snapshot);
          stop = true;
          return captured;
        }) == 0);
}

TEST_CASE("a main thread that has left is gone, though the process lives on and the kernel still lists it") {
  CHECK(result_in_child([] {
          capture_start(kSignalAuto);
          static const int main_tid = current_tid();
          std::thread([] {
            Snapshot snapshot;
            while (capture_thread(main_tid, 0, &snapshot) || snapshot.state != ThreadState::gone) usleep(1000);
            _exit(contains(snapshot.why_short, "thread exited") ? 0 : 2);
          }).detach();
          syscall(SYS_exit, 0);
          return false;
        }) == 0);
}

TEST_CASE("without /proc a thread's state is known from its clock, and the reason for the missing stack is given") {
  if (left_out(getuid() != 0, "needs root")) return;
  constexpr int kRefused = 2;
  const int status = result_in_child([] {
    if (!hide_proc()) _exit(kRefused);
    capture_start(kSignalAuto);
    const Pipe pipe;
    std::atomic<bool> stop{false};
    Worker blocked([&] { read_byte(pipe.reader()); });
    Worker running([&] { spin_until(stop); });
    Worker exited([] {});
    exited.join();
    const auto becomes = [](const Worker& worker, ThreadState state) {
      Snapshot snapshot;
      do
        if (capture_thread(worker.tid(), worker.stack_end(), &snapshot)) return false;
      while (snapshot.state != state);
      return contains(snapshot.why_short, "/proc is not mounted");
    };
    const bool is_right = becomes(blocked, ThreadState::blocked) && becomes(running, ThreadState::running) &&
                          becomes(exited, ThreadState::gone);
    stop = true;
    pipe.put();
    return is_right;
  });
  if (left_out(WEXITSTATUS(status) == kRefused, "no mount namespace of one's own is allowed here")) return;
  CHECK(status == 0);
}

TEST_CASE(
    "if no signal is available, one line names the requested one and says that running threads are not captured") {
  const auto result_of_start = [](int option) { return in_child([option] { return capture_start(option) ? 0 : 1; }); };
  CHECK(result_of_start(kSignalAuto).text.empty());
  CHECK(result_of_start(kSignalOff).text.empty());
  CHECK(result_of_start(kSignalOff).status == 0);
  const Outcome ordinary = result_of_start(SIGUSR1);
  CHECK(ordinary.status == 1);
  CHECK(contains(ordinary.text.c_str(), "SIGNAL=10 is not a real-time signal"));
  const Outcome none_free = in_child([] {
    for (int signal = SIGRTMIN; signal <= SIGRTMAX; ++signal) std::signal(signal, SIG_IGN);
    return capture_start(kSignalAuto) ? 0 : 1;
  });
  CHECK(none_free.status == 1);
  CHECK(contains(none_free.text.c_str(), "the program uses every real-time signal"));
}

TEST_CASE("a snapshot from a call site is exact about its caller and needs no verifying") {
  Snapshot snapshot;
  capture_from_call_site(current_tid(), 0x1000, 0x2000, 0x3000, 0x4000, &snapshot);
  CHECK(snapshot.tid == current_tid());
  CHECK(snapshot.state == ThreadState::blocked);
  CHECK(snapshot.registers.ip == 0x1000);
  CHECK(snapshot.registers.sp == 0x2000);
  CHECK(snapshot.registers.bp == 0x3000);
  CHECK(snapshot.registers.known == (Registers::kIpIsKnown | Registers::kSpIsKnown | Registers::kBpIsKnown));
  CHECK_FALSE(snapshot.registers.ip_is_exact);
  CHECK(snapshot.stack_end == 0x4000);
  CHECK(capture_unchanged(snapshot));
}

TEST_CASE("a stack pointer above the thread's stack means another stack, whose end is not known") {
  Snapshot snapshot;
  capture_from_call_site(current_tid(), 0x1000, 0x5000, 0, 0x4000, &snapshot);
  CHECK(snapshot.stack_end == 0);
}
