// The rules of shim/inspection/stillness.h, with threads that sleep on a futex.
#include "shim/inspection/stillness.h"

#include <linux/futex.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "shim/inspection/task_files.h"
#include "tests/catch.h"

using namespace holdwatch;

namespace {

// Sleeps on a word until it is woken by name.
class Sleeper {
 public:
  explicit Sleeper(int* word) : word_(word), thread_([this] { sleep(); }) {
    while (tid_.load() == 0) usleep(1000);
    await_sleep();
  }
  ~Sleeper() {
    done_ = true;
    wake();
    thread_.join();
  }
  Sleeper(const Sleeper&) = delete;
  Sleeper& operator=(const Sleeper&) = delete;
  int tid() const { return tid_.load(); }
  void wake() const { syscall(SYS_futex, word_, FUTEX_WAKE_PRIVATE, 1); }
  void await_sleep() const {
    SyscallFile file;
    do usleep(1000);
    while (read_syscall_file(tid(), &file) != 0 || file.kind != SyscallFile::Kind::in_call ||
           file.call.number != SYS_futex || file.call.arguments[0] != reinterpret_cast<uintptr_t>(word_));
  }
  long rounds() const { return rounds_.load(); }

 private:
  void sleep() {
    tid_ = gettid();
    while (!done_.load()) {
      syscall(SYS_futex, word_, FUTEX_WAIT_PRIVATE, 2, nullptr);
      ++rounds_;
    }
  }
  int* word_;
  std::atomic<int> tid_{0};
  std::atomic<long> rounds_{0};
  std::atomic<bool> done_{false};
  std::thread thread_;
};

}  // namespace

TEST_CASE("a hold lasts while its holder sleeps, or while all its waiters do") {
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  mutex.__data.__lock = 2;
  const LockWord lock(&mutex, LockKind::mutex, Access::exclusive);
  int elsewhere = 2;
  Sleeper holder(&elsewhere);
  Sleeper waiter(&mutex.__data.__lock);
  const auto wake = [](const Sleeper& sleeper) {
    const long before = sleeper.rounds();
    sleeper.wake();
    while (sleeper.rounds() == before) usleep(1000);
    sleeper.await_sleep();
  };
  CHECK(sleepers_for(lock).count == 1);
  Stillness still;
  still.begin(0, holder.tid(), lock);
  CHECK(still.lasts());
  wake(holder);
  CHECK(still.lasts());
  wake(waiter);
  CHECK(still.lasts());
  wake(holder);
  wake(waiter);
  CHECK_FALSE(still.lasts());
  CHECK(still.lasts());
}

TEST_CASE("a holder that runs proves nothing") {
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  Stillness still;
  still.begin(0, gettid(), {&mutex, LockKind::mutex, Access::exclusive});
  CHECK_FALSE(still.lasts());
}
