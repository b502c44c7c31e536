// The rules of shim/watch/waits_elsewhere.h, with a child of this process.
#include "shim/watch/waits_elsewhere.h"

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <ctime>
#include <memory>

#include "shim/base/clock_line.h"
#include "shim/inspection/other_process.h"
#include "tests/catch.h"
#include "tests/shared_locks.h"
#include "tests/unit/in_child.h"

namespace holdwatch {
namespace {

struct Shared {
  pthread_mutex_t ours, theirs;
  std::atomic<bool> has_theirs{false};

  Shared() {
    shared_locks::init(ours);
    shared_locks::init(theirs);
  }
};

LockWord word(pthread_mutex_t& mutex) {
  return {&mutex, LockKind::mutex, Access::exclusive};
}

// We have `ours` and want `theirs`, which a child has; what that does then is the case. In a process of its own: looks at other
// processes must not follow each other too soon.
class Scene {
 public:
  template <typename Wait>
  explicit Scene(Wait wait) {
    shared_locks::require(pthread_mutex_lock(&shared_.ours) == 0);
    child_ = fork();
    if (child_ == 0) {
      shared_locks::require(pthread_mutex_lock(&shared_.theirs) == 0);
      shared_.has_theirs = true;
      wait(shared_.ours);
      _exit(1);
    }
    while (!shared_.has_theirs) usleep(1000);
    usleep(20'000);  // the wait begins a clock tick later, of those by which the starts of threads are counted
    timing_->advance();
    began_ns_ = timing_->now_ns();
  }
  ~Scene() {
    kill(child_, SIGKILL);
    waitpid(child_, nullptr, 0);
  }
  Scene(const Scene&) = delete;
  Scene& operator=(const Scene&) = delete;

  pid_t child() const { return child_; }
  Shared& shared() { return shared_; }

  // Once the wait is this old.
  void look(unsigned age_ms) {
    usleep(age_ms * 1000);
    timing_->advance();
    WaitView wait{};
    wait.word = word(shared_.theirs);
    wait.tid = gettid();
    wait.since_ns = (began_ns_ & ~uint64_t{kStampBits}) | kExact;
    search_->clear();
    search_->add_hold({word(shared_.ours), gettid(), {1, 0, 1}});
    search_->add_wait(wait.tid, wait.word);
    WaitsElsewhere elsewhere(*timing_);
    elsewhere.consider(wait);
    elsewhere.add_edges(*search_);
  }

  size_t holds() {
    size_t count = 0;
    search_->for_each_hold([&](const CycleHold&) { ++count; });
    return count;
  }
  Cycle cycle() {
    Cycle found{};
    search_->find([](void* out, const Cycle& cycle) { *static_cast<Cycle*>(out) = cycle; }, &found,
                  [](int, LockWord) { return false; });
    return found;
  }

 private:
  Shared& shared_ = shared_locks::map_shared<Shared>();
  pid_t child_ = 0;
  std::unique_ptr<Timing> timing_ = std::make_unique<Timing>();
  std::unique_ptr<CycleSearch> search_ = std::make_unique<CycleSearch>();
  uint64_t began_ns_ = 0;
};

constexpr unsigned kOldMs = 300;

void wait_for_it(pthread_mutex_t& mutex) {
  pthread_mutex_lock(&mutex);
}

bool sleeps(pid_t child) {
  return sleep_of_thread(child, child).count > 0;
}

}  // namespace

TEST_CASE("a thread elsewhere that has what we want, and wants what we have, closes a cycle") {
  CHECK(in_child([] {
          Scene scene(wait_for_it);
          while (!sleeps(scene.child())) usleep(1000);
          scene.look(kOldMs);
          const Cycle cycle = scene.cycle();
          if (cycle.count != 2) return 1;
          const CycleHold& theirs = cycle.holds[cycle.holds[0].tid == scene.child() ? 0 : 1];
          const bool is_right = theirs.tid == scene.child() && theirs.place.pid == scene.child() &&
                                theirs.place.where == Whereabouts::elsewhere && theirs.identity == kUnrecorded &&
                                theirs.lock.is_same_lock(word(scene.shared().theirs));
          return is_right ? 0 : 2;
        }).status == 0);
}

TEST_CASE("a wait that has just begun is not looked into") {
  CHECK(in_child([] {
          Scene scene(wait_for_it);
          while (!sleeps(scene.child())) usleep(1000);
          scene.look(0);
          return scene.holds() == 1 ? 0 : 1;
        }).status == 0);
}

TEST_CASE("one that waits for nothing of ours, or only for a while, is no edge") {
  CHECK(in_child([] {
          Scene scene([](pthread_mutex_t&) { pause(); });
          scene.look(kOldMs);
          return scene.holds() == 1 ? 0 : 1;
        }).status == 0);
  CHECK(in_child([] {
          Scene scene([](pthread_mutex_t& mutex) {
            timespec until{};
            clock_gettime(CLOCK_REALTIME, &until);
            until.tv_sec += 3600;
            pthread_mutex_timedlock(&mutex, &until);
          });
          scene.look(kOldMs);
          return scene.holds() == 1 ? 0 : 1;
        }).status == 0);
}

}  // namespace holdwatch
