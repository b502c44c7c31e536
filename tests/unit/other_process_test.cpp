// The rules of shim/inspection/other_process.h and whereabouts.h, with children of this process.
#include "shim/inspection/other_process.h"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <thread>

#include "shim/base/clock.h"
#include "shim/inspection/whereabouts.h"
#include "tests/catch.h"
#include "tests/shared_locks.h"

using namespace holdwatch;

namespace {

void* shared_page() {
  return mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
}

// A child that does nothing, until the end of the scope.
class Child {
 public:
  // `unmapped`: what it maps no more.
  explicit Child(void* unmapped) : pid_(fork()) {
    if (pid_ != 0) return;
    munmap(unmapped, 4096);
    while (true) pause();
  }
  ~Child() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_;
};

uintptr_t address(const void* page) {
  return reinterpret_cast<uintptr_t>(page);
}

}  // namespace

TEST_CASE("a process is named only if it maps the very page, and is older than the wait") {
  void* shared = shared_page();
  void* unshared = shared_page();
  void* own = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  const uint64_t before_ns = monotonic_ns() - 60 * kNanosecondsPerSecond;
  const Child child(unshared);
  while (find_shared_owner(child.pid(), address(unshared), monotonic_ns()).pid != 0) usleep(1000);
  const SharedOwner owner = find_shared_owner(child.pid(), address(shared) + 40, monotonic_ns());
  CHECK(owner.pid == child.pid());
  CHECK(owner.tid == child.pid());
  CHECK(find_shared_owner(child.pid(), address(shared), before_ns).pid == 0);
  CHECK(find_shared_owner(child.pid(), address(own), monotonic_ns()).pid == 0);
  for (void* page : {shared, unshared, own}) munmap(page, 4096);
}

TEST_CASE("a thread elsewhere has its state, and is gone when it is") {
  int tid = 0;
  {
    void* page = shared_page();
    const Child child(page);
    tid = child.pid();
    kill(tid, SIGSTOP);
    REQUIRE(waitpid(tid, nullptr, WUNTRACED) == tid);
    CHECK(look_at_thread(tid, tid).state == ThreadState::stopped);
    munmap(page, 4096);
  }
  CHECK(look_at_thread(tid, tid).state == ThreadState::gone);
}

TEST_CASE("an owner is here, has exited, or is elsewhere, by the lock's kind") {
  pthread_mutex_t& mutex = shared_locks::map_shared_lock<pthread_mutex_t>();
  pthread_mutex_t private_mutex = PTHREAD_MUTEX_INITIALIZER;
  const LockWord shared(&mutex, LockKind::mutex, Access::exclusive);
  const LockWord own(&private_mutex, LockKind::mutex, Access::exclusive);
  int exited = 0;
  std::thread([&] { exited = gettid(); }).join();
  while (syscall(SYS_tgkill, getpid(), exited, 0) == 0) usleep(1000);
  CHECK(find_owner(gettid(), own, monotonic_ns()).where == Whereabouts::here);
  CHECK(find_owner(exited, own, monotonic_ns()).where == Whereabouts::exited);
  // Known to have exited only where all processes can be seen.
  CHECK(is_of_other_process(find_owner(exited, shared, monotonic_ns()).where));
  CHECK(find_owner(exited, shared, monotonic_ns()).pid == 0);
  const Child child(mmap(nullptr, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  CHECK(find_owner(child.pid(), own, monotonic_ns()).where == Whereabouts::exited);
  CHECK(find_owner(child.pid(), shared, monotonic_ns()).pid == child.pid());
}
