// The rules of shim/own_threads/loader_use.h.
#include "shim/own_threads/loader_use.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "shim/base/clock.h"
#include "shim/inspection/task_files.h"
#include "tests/catch.h"

namespace holdwatch {
namespace {

constexpr uint64_t kAMinuteNs = 60'000'000'000;
constexpr uint64_t kGivesUpNs = 1'000'000'000;

// A thread that enters the loader as soon as it may, and stays until it is told to leave.
class User {
 public:
  explicit User(LoaderUser user)
      : thread_([this, user] {
          tid_ = static_cast<int>(gettid());
          const LoaderUse loader(user);
          entered_ns_ = monotonic_ns();
          while (!leaves_) usleep(100);
        }) {}
  ~User() {
    leaves_ = true;
    thread_.join();
  }

  int tid() const {
    while (tid_ == 0) usleep(100);
    return tid_;
  }
  // Until it sleeps at the door, or has given up.
  void await_sleep() const {
    SyscallFile file;
    const auto sleeps = [&] {
      return read_syscall_file(tid(), &file) == 0 && file.kind == SyscallFile::Kind::in_call &&
             file.call.number == SYS_futex;
    };
    while (entered_ns_ == 0 && !sleeps()) usleep(1000);
  }
  void await_inside() const {
    while (entered_ns_ == 0) usleep(100);
  }
  // Whether it has not entered since then; after a second it may.
  bool stays_out_since(uint64_t time_ns) const {
    const uint64_t entered_ns = entered_ns_;
    return entered_ns == 0 || entered_ns - time_ns >= kGivesUpNs;
  }
  void leave() { leaves_ = true; }

 private:
  std::atomic<int> tid_{0};
  std::atomic<uint64_t> entered_ns_{0};
  std::atomic<bool> leaves_{false};
  std::thread thread_;
};

TEST_CASE("a forking thread sees who is in the loader, and wakes up when that one leaves") {
  CHECK(thread_in_loader() == 0);
  User user(LoaderUser::attachment);
  user.await_inside();
  loader_use_before_fork();
  CHECK(thread_in_loader() == user.tid());
  user.leave();
  while (thread_in_loader() != 0) sleep_until_loader_left(kAMinuteNs);
  loader_use_after_fork();
}

TEST_CASE("both of our threads may be in the loader, and both are seen") {
  User one(LoaderUser::attachment), other(LoaderUser::reporter);
  one.await_inside();
  other.await_inside();
  one.leave();
  while (thread_in_loader() == one.tid()) sleep_until_loader_left(1'000'000);
  CHECK(thread_in_loader() == other.tid());
}

TEST_CASE("no thread of ours enters the loader during a fork") {
  const uint64_t begin_ns = monotonic_ns();
  loader_use_before_fork();
  User user(LoaderUser::reporter);
  user.await_sleep();
  CHECK(user.stays_out_since(begin_ns));
  loader_use_after_fork();
  user.await_inside();
}

TEST_CASE("of two forks the last one lets our threads in") {
  const uint64_t begin_ns = monotonic_ns();
  loader_use_before_fork();
  loader_use_before_fork();
  User user(LoaderUser::reporter);
  loader_use_after_fork();
  user.await_sleep();
  CHECK(user.stays_out_since(begin_ns));
  loader_use_after_fork();
  user.await_inside();
}

TEST_CASE("a fork that never ends keeps our threads out for a while only") {
  const uint64_t begin_ns = monotonic_ns();
  loader_use_before_fork();
  User user(LoaderUser::attachment);
  user.await_inside();
  CHECK(user.stays_out_since(begin_ns));
  loader_use_after_fork();
}

TEST_CASE("the end of a fork that was never announced changes nothing") {
  loader_use_after_fork();
  User user(LoaderUser::attachment);
  user.await_inside();
}

TEST_CASE("in a child nobody is in the loader, and no fork is under way") {
  User left_behind(LoaderUser::attachment);
  left_behind.await_inside();
  loader_use_before_fork();
  loader_use_in_child();
  CHECK(thread_in_loader() == 0);
  User user(LoaderUser::reporter);
  user.await_inside();
}

}  // namespace
}  // namespace holdwatch
