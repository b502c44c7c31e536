// The mailbox: what a running thread answers, that a late answer spoils nothing, and that a thread which was caught in
// a system call does not notice.
#include "shim/inspection/mailbox.h"

#include <fcntl.h>
#include <gnu/libc-version.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <functional>
#include <thread>
#include <vector>

#include "shim/base/clock.h"
#include "shim/common/contract/settings.h"
#include "tests/catch.h"
#include "tests/unit/left_out.h"
#include "tests/unit/spinning.h"

using namespace holdwatch;

namespace {

MemoryRange libc_code() {
  return mapped_around(reinterpret_cast<uintptr_t>(&gnu_get_libc_version), MappedAs::code);
}

// A thread that runs `body` over and over until the object goes.
class Worker {
 public:
  explicit Worker(std::function<void()> body) {
    thread_ = std::thread([this, body] {
      const int local = 0;
      stack_ = mapped_around(reinterpret_cast<uintptr_t>(&local), MappedAs::stack);
      tid_ = static_cast<int>(syscall(SYS_gettid));
      while (!stop_) body();
    });
    while (tid_ == 0) std::this_thread::yield();
  }
  ~Worker() {
    stop_ = true;
    thread_.join();
  }
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  int tid() const { return tid_; }
  MemoryRange stack() const { return stack_; }
  std::atomic<bool>& stop() { return stop_; }

 private:
  std::atomic<bool> stop_{false};
  std::atomic<int> tid_{0};
  MemoryRange stack_;
  std::thread thread_;
};

// What a worker made of calls that each wait for at least `ns`.
struct Tally {
  std::atomic<int> calls{0};
  std::atomic<int> interrupted{0};
  std::atomic<int> too_short{0};
};

struct TimedCall {
  const char* name;
  uint64_t ns;
  std::function<bool()> call;  // false if it failed with EINTR
};

bool not_interrupted(long result) {
  return result >= 0 || errno != EINTR;
}

std::vector<TimedCall> timed_calls() {
  static sem_t semaphore;
  sem_init(&semaphore, 0, 0);
  static const int epoll = epoll_create1(EPOLL_CLOEXEC);
  static int pair[2] = {-1, -1};
  if (pair[0] < 0) {
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    const timeval timeout = {0, 1000};
    REQUIRE(setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout) == 0);
  }
  constexpr uint64_t kMs = 1'000'000;
  return {
      {"usleep", 50'000, [] { return not_interrupted(usleep(50)); }},
      {"nanosleep", 50'000,
       [] {
         const timespec time = {0, 50'000};
         return not_interrupted(nanosleep(&time, nullptr));
       }},
      {"clock_nanosleep", 50'000,
       [] {
         const timespec time = {0, 50'000};
         return clock_nanosleep(CLOCK_MONOTONIC, 0, &time, nullptr) != EINTR;
       }},
      {"poll", kMs, [] { return not_interrupted(poll(nullptr, 0, 1)); }},
      {"ppoll", 50'000,
       [] {
         const timespec time = {0, 50'000};
         return not_interrupted(ppoll(nullptr, 0, &time, nullptr));
       }},
      {"select", 50'000,
       [] {
         timeval time = {0, 50};
         return not_interrupted(select(0, nullptr, nullptr, nullptr, &time));
       }},
      {"epoll_wait", kMs,
       [] {
         epoll_event event;
         return not_interrupted(epoll_wait(epoll, &event, 1, 1));
       }},
      {"recv with a time-out", 1000,
       [] {
         char byte;
         return not_interrupted(recv(pair[0], &byte, 1, 0));
       }},
      {"sem_timedwait", 0,
       [] {
         timespec time;
         clock_gettime(CLOCK_REALTIME, &time);
         time.tv_nsec += 50'000;
         if (time.tv_nsec >= 1'000'000'000) {
           time.tv_nsec -= 1'000'000'000;
           ++time.tv_sec;
         }
         return not_interrupted(sem_timedwait(&semaphore, &time));
       }},
  };
}

void call_once(const TimedCall& timed, Tally* tally) {
  const uint64_t before = monotonic_ns();
  const bool whole = timed.call();
  // The kernel counts a relative time from when it begins the call, so never less than we see from outside.
  if (monotonic_ns() - before < timed.ns && whole) ++tally->too_short;
  if (!whole) ++tally->interrupted;
  ++tally->calls;
  const uint64_t spin_until = monotonic_ns() + 5'000;
  while (monotonic_ns() < spin_until) {
  }
}

// Until it answers, for a busy machine may leave it without a processor for longer than the mailbox waits.
SamplingFailure sample_patiently(const Worker& worker, MemoryRange stack, Snapshot* out) {
  SamplingFailure failure;
  do failure = mailbox_sample(worker.tid(), 0, stack, out);
  while (failure == SamplingFailure::not_in_time);
  return failure;
}

// Samples the worker without looking whether it runs, which capture.cpp never does.
int sample_blindly(const Worker& worker, int times) {
  int taken = 0;
  Snapshot snapshot{};
  for (int i = 0; i < times; ++i)
    taken += mailbox_sample(worker.tid(), 0, worker.stack(), &snapshot) == SamplingFailure::none;
  return taken;
}

// A stack whose highest page nobody has supplied yet: who copies it waits.
class WithheldPage {
 public:
  WithheldPage() {
    void* const memory = mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    REQUIRE(memory != MAP_FAILED);
    start_ = reinterpret_cast<uintptr_t>(memory);
    descriptor_ = static_cast<int>(syscall(SYS_userfaultfd, O_CLOEXEC));
    uffdio_api api{};
    api.api = UFFD_API;
    uffdio_register missing{};
    missing.range = {page(), kPage};
    missing.mode = UFFDIO_REGISTER_MODE_MISSING;
    is_withheld_ = descriptor_ >= 0 && ioctl(descriptor_, UFFDIO_API, &api) == 0 &&
                   ioctl(descriptor_, UFFDIO_REGISTER, &missing) == 0;
  }
  ~WithheldPage() {
    close(descriptor_);
    munmap(reinterpret_cast<void*>(start_), kSize);
  }
  WithheldPage(const WithheldPage&) = delete;
  WithheldPage& operator=(const WithheldPage&) = delete;

  bool is_withheld() const { return is_withheld_; }
  bool is_entered() const { return is_entered_; }
  MemoryRange range() const { return {start_, start_ + kSize}; }
  // On the stack below the page.
  void spin_below(const std::atomic<bool>& stop) {
    run_on_stack({start_, page()}, [&] {
      is_entered_ = true;
      spin_until(stop);
    });
  }
  void supply() const {
    uffdio_zeropage zeros{};
    zeros.range = {page(), kPage};
    REQUIRE(ioctl(descriptor_, UFFDIO_ZEROPAGE, &zeros) == 0);
  }

 private:
  static constexpr size_t kPage = 4096;
  static constexpr size_t kSize = 64 * 1024;

  uintptr_t page() const { return start_ + kSize - kPage; }

  uintptr_t start_ = 0;
  int descriptor_ = -1;
  bool is_withheld_ = false;
  std::atomic<bool> is_entered_{false};
};

}  // namespace

TEST_CASE("a running thread answers with its registers and the stack above its stack pointer") {
  REQUIRE(mailbox_open(kSignalAuto, libc_code()));
  std::atomic<uintptr_t> marker{0};
  std::atomic<bool> stop{false};
  Worker worker([&] { spin_with_marker(stop, &marker); });
  while (marker == 0) std::this_thread::yield();

  Snapshot snapshot{};
  const SamplingFailure failure = sample_patiently(worker, worker.stack(), &snapshot);
  stop = true;
  REQUIRE(failure == SamplingFailure::none);
  CHECK(worker.stack().contains(snapshot.registers.sp));
  CHECK(snapshot.copy_address == snapshot.registers.sp);
  CHECK(snapshot.registers.ip_is_exact);
  CHECK(snapshot.registers.known == 0xff);
  CHECK(mapped_around(snapshot.registers.ip, MappedAs::code).contains(snapshot.registers.ip));
  CHECK(copy_has(snapshot, marker, kMarker));
  CHECK(snapshot.copy_address + snapshot.copy_size <= worker.stack().end);
}

TEST_CASE("a stack pointer outside the given range gives registers and no copy") {
  REQUIRE(mailbox_open(kSignalAuto, libc_code()));
  Worker worker([] {});
  const MemoryRange elsewhere = {worker.stack().start - 8192, worker.stack().start - 4096};
  Snapshot snapshot{};
  REQUIRE(sample_patiently(worker, elsewhere, &snapshot) == SamplingFailure::none);
  CHECK(snapshot.copy == nullptr);
  CHECK(snapshot.copy_size == 0);
  CHECK(snapshot.registers.sp != 0);
}

TEST_CASE("the copy is never larger than the mailbox") {
  REQUIRE(mailbox_open(kSignalAuto, libc_code()));
  std::atomic<bool> stop{false};
  std::atomic<bool> deep{false};
  Worker worker([&] {
    volatile char large[2 * kMailboxCopySize];
    large[0] = 1;
    deep = large[0] == 1;
    spin_until(stop);
    large[0] = 2;
  });
  while (!deep) std::this_thread::yield();
  Snapshot snapshot{};
  const SamplingFailure failure = sample_patiently(worker, worker.stack(), &snapshot);
  stop = true;
  REQUIRE(failure == SamplingFailure::none);
  CHECK(snapshot.copy_size == kMailboxCopySize);
}

TEST_CASE("a late answer touches neither the mailbox nor the program, and the next sample works") {
  REQUIRE(mailbox_open(kSignalAuto, libc_code()));
  std::atomic<int> step{0};
  Worker late([&] {
    if (step != 0) return;
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, nullptr);
    step = 1;
    while (step == 1) {
    }
    pthread_sigmask(SIG_UNBLOCK, &all, nullptr);
    step = 3;
  });
  while (step != 1) std::this_thread::yield();
  Snapshot snapshot{};
  // Mask 0 is a lie: the thread blocks every signal.
  const SamplingFailure of_late = mailbox_sample(late.tid(), 0, late.stack(), &snapshot);
  CHECK(signals_under_way());
  Worker other([] {});
  const SamplingFailure of_other = sample_patiently(other, other.stack(), &snapshot);
  const Snapshot before = snapshot;
  const std::vector<unsigned char> bytes(snapshot.copy, snapshot.copy + snapshot.copy_size);
  step = 2;
  while (step != 3) std::this_thread::yield();
  CHECK(of_late == SamplingFailure::not_in_time);
  REQUIRE(of_other == SamplingFailure::none);
  CHECK(memcmp(&before, &snapshot, sizeof before) == 0);
  CHECK(memcmp(bytes.data(), snapshot.copy, bytes.size()) == 0);

  CHECK_FALSE(signals_under_way());
  REQUIRE(sample_patiently(late, late.stack(), &snapshot) == SamplingFailure::none);
  CHECK(late.stack().contains(snapshot.registers.sp));
  struct sigaction action;
  REQUIRE(sigaction(SIGRTMAX, nullptr, &action) == 0);
  CHECK(action.sa_handler == SIG_DFL);
}

TEST_CASE("while a thread is stopped inside the handler no thread is sampled, and afterwards all are again") {
  REQUIRE(mailbox_open(kSignalAuto, libc_code()));
  WithheldPage page;
  if (left_out(!page.is_withheld(), "userfaultfd is not allowed here")) return;
  Worker other([] {});
  Snapshot snapshot{};
  SamplingFailure of_writer = SamplingFailure::none, of_other = SamplingFailure::none;
  {
    std::atomic<bool> stop{false};
    Worker writer([&] { page.spin_below(stop); });
    while (!page.is_entered()) std::this_thread::yield();
    do of_writer = mailbox_sample(writer.tid(), 0, page.range(), &snapshot);
    while (of_writer == SamplingFailure::not_in_time);
    of_other = mailbox_sample(other.tid(), 0, other.stack(), &snapshot);
    page.supply();
    while (signals_under_way()) std::this_thread::yield();
    stop = true;
  }
  CHECK(of_writer == SamplingFailure::still_writing);
  CHECK(of_other == SamplingFailure::still_writing);
  REQUIRE(sample_patiently(other, other.stack(), &snapshot) == SamplingFailure::none);
  CHECK(other.stack().contains(snapshot.registers.sp));
}

TEST_CASE("samples taken in rapid succession from several threads are each of the right thread") {
  REQUIRE(mailbox_open(kSignalAuto, libc_code()));
  Worker first([] {}), second([] {});
  for (int i = 0; i < 500; ++i) {
    const Worker& worker = i % 2 == 0 ? first : second;
    Snapshot snapshot{};
    if (mailbox_sample(worker.tid(), 0, worker.stack(), &snapshot) != SamplingFailure::none) continue;
    REQUIRE(worker.stack().contains(snapshot.registers.sp));
  }
}

TEST_CASE("a system call that a sample cuts short begins again: no EINTR, and no time lost") {
  REQUIRE(mailbox_open(kSignalAuto, libc_code()));
  for (const TimedCall& timed : timed_calls()) {
    INFO(timed.name);
    Tally tally;
    {
      Worker worker([&] { call_once(timed, &tally); });
      CHECK(sample_blindly(worker, 3000) > 0);
    }
    CHECK(tally.calls > 0);
    CHECK(tally.interrupted == 0);
    CHECK(tally.too_short == 0);
  }
}

TEST_CASE("without beginning again the same calls do fail with EINTR") {
  REQUIRE(mailbox_open(kSignalAuto, MemoryRange{}));
  for (const TimedCall& timed : timed_calls()) {
    INFO(timed.name);
    Tally tally;
    Worker worker([&] { call_once(timed, &tally); });
    for (int round = 0; round < 1000 && tally.interrupted == 0; ++round) sample_blindly(worker, 100);
    CHECK(tally.interrupted > 0);
  }
}

TEST_CASE("a signal of the program's own still interrupts ppoll when a sample arrives with it") {
  REQUIRE(mailbox_open(kSignalAuto, libc_code()));
  static std::atomic<int> handled;
  handled = 0;
  struct sigaction count {};
  count.sa_handler = [](int) { ++handled; };
  REQUIRE(sigaction(SIGUSR1, &count, nullptr) == 0);
  sigset_t usr1;
  sigemptyset(&usr1);
  sigaddset(&usr1, SIGUSR1);
  pthread_sigmask(SIG_BLOCK, &usr1, nullptr);

  std::atomic<bool> both_pending{false};
  std::atomic<int> error{-1};
  Worker worker([&] {
    if (error != -1) return;
    sigset_t all;
    sigset_t none;
    sigfillset(&all);
    sigemptyset(&none);
    pthread_sigmask(SIG_BLOCK, &all, nullptr);
    sigset_t pending;
    do sigpending(&pending);
    while (sigismember(&pending, SIGUSR1) == 0 || sigismember(&pending, SIGRTMAX) == 0);
    const timespec ten_seconds = {10, 0};
    const int result = ppoll(nullptr, 0, &ten_seconds, &none);
    const int seen = errno;
    pthread_sigmask(SIG_UNBLOCK, &all, nullptr);
    error = result < 0 ? seen : 0;
  });
  kill(getpid(), SIGUSR1);
  Snapshot snapshot{};
  mailbox_sample(worker.tid(), 0, worker.stack(), &snapshot);
  while (error == -1) std::this_thread::yield();
  CHECK(error == EINTR);
  CHECK(handled == 1);
  std::signal(SIGUSR1, SIG_DFL);
  pthread_sigmask(SIG_UNBLOCK, &usr1, nullptr);
}
