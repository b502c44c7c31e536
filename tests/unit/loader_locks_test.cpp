// The rules of shim/inspection/loader_locks.h and shim/watch/loader_waits.h, with the running loader's own lock.
#include "shim/inspection/loader_locks.h"

#include <link.h>
#include <pthread.h>

#include <atomic>
#include <memory>
#include <vector>

#include "shim/watch/loader_waits.h"
#include "tests/catch.h"
#include "tests/unit/await_sleep.h"
#include "tests/unit/record_calls.h"
#include "tests/unit/recorded_thread.h"

using namespace holdwatch;

namespace {

// One thread is inside the loader, with its lock, until the scene ends; another one sleeps for that lock. Whoever throws an
// exception meanwhile takes the lock too: so what is seen is kept, and checked afterwards.
class LoaderScene {
 public:
  LoaderScene() {
    pthread_mutex_lock(&gate_);
    owner.start([this] { dl_iterate_phdr(stay, this); });
    while (!is_inside_) usleep(1000);
    waiter.start([] { dl_iterate_phdr([](dl_phdr_info*, size_t, void*) { return 1; }, nullptr); });
    while ((locks = contended_loader_locks()).count == 0 || loader_lock_slept_for(waiter.tid(), locks).empty())
      usleep(1000);
  }
  ~LoaderScene() { leave(); }
  LoaderScene(const LoaderScene&) = delete;
  LoaderScene& operator=(const LoaderScene&) = delete;

  // From here on nobody is inside.
  void leave() {
    if (has_left_) return;
    has_left_ = true;
    pthread_mutex_unlock(&gate_);
    owner.exit();
    waiter.exit();
  }

  RecordedThread owner, waiter;
  ContendedLoaderLocks locks;

 private:
  static int stay(dl_phdr_info*, size_t, void* scene) {
    auto& self = *static_cast<LoaderScene*>(scene);
    self.is_inside_ = true;
    pthread_mutex_lock(&self.gate_);
    pthread_mutex_unlock(&self.gate_);
    return 1;
  }

  pthread_mutex_t gate_ = PTHREAD_MUTEX_INITIALIZER;
  std::atomic<bool> is_inside_{false};
  bool has_left_ = false;
};

// What the search for deadlocks gets of it.
struct Edges {
  explicit Edges(LoaderScene& scene) {
    const auto search = std::make_unique<CycleSearch>();
    LoaderWaits waits;
    waits.add_owners(*search);
    waits.for_each_owner([&](int tid) { owners.push_back(tid); });
    search->for_each_hold([&](const CycleHold& hold) { holders.push_back(hold.tid); });
    waiter_waits = waits.add_wait(*search, scene.waiter.tid());
    owner_waits = waits.add_wait(*search, scene.owner.tid());
  }
  std::vector<int> owners, holders;
  bool waiter_waits, owner_waits;
};

}  // namespace

TEST_CASE("a lock of the loader's names its owner while another thread sleeps for it") {
  LoaderScene scene;
  const ContendedLoaderLocks found = scene.locks;
  const LockWord slept_for = loader_lock_slept_for(scene.waiter.tid(), found);
  const LockWord of_owner = loader_lock_slept_for(scene.owner.tid(), found);
  const int owner = scene.owner.tid();
  scene.leave();
  REQUIRE(found.count == 1);
  CHECK(found.locks[0].owner == owner);
  CHECK(slept_for.is_same_lock(found.locks[0].word));
  CHECK(of_owner.empty());
  CHECK(is_loader_lock(slept_for));
  CHECK(reported_lock(slept_for).kind == LockKind::loader);
  CHECK(contended_loader_locks().count == 0);
}

TEST_CASE("other mutexes are not the loader's") {
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  const LockWord word(&mutex, LockKind::mutex, Access::exclusive);
  CHECK(!is_loader_lock(word));
  CHECK(reported_lock(word).kind == LockKind::mutex);
}

TEST_CASE("the loader's locks are part of the search once their owner waits itself") {
  LoaderScene scene;
  const Edges before(scene);
  pthread_mutex_t wanted = PTHREAD_MUTEX_INITIALIZER;
  begin_wait(scene.owner.record(), {&wanted, LockKind::mutex, Access::exclusive}, {0x401000, 0, 0});
  const Edges waiting(scene);
  scene.owner.record().end_waits();
  const int owner = scene.owner.tid();
  scene.leave();
  CHECK((before.owners.empty() && before.holders.empty()));
  CHECK((!before.waiter_waits && !before.owner_waits));
  CHECK(waiting.owners == std::vector{owner});
  CHECK(waiting.holders == std::vector{owner});
  CHECK(waiting.waiter_waits);
  CHECK(!waiting.owner_waits);  // added with its lock, if it waits in the loader too
}
