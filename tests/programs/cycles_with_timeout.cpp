// Cycles of two and three threads, each with one edge of every form that there is, the others being mutexes: without a timeout it is
// a deadlock, with a timeout it ends by itself, and nothing is said.
// RUN-ENV: HOLDWATCH_LIMIT=0 HOLDWATCH_RATE=1000
// EXPECT: deadlock of 2 threads
// EXPECT: deadlock of 3 threads
// EXPECT-JSON: sorted(len(event["holders"]) for event in deadlocks) == [2] * 6 + [3] * 6
// EXPECT-JSON: held_by(deadlocks) == {"forever"}
// EXPECT-JSON: len(e) == 12
#include <pthread.h>
#include <threads.h>

#include <array>
#include <memory>
#include <vector>

#include "tests/programs/harness.h"
using namespace harness;

namespace {

pthread_mutex_t make_mutex(int protocol) {
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  pthread_mutexattr_setprotocol(&attributes, protocol);
  pthread_mutex_t mutex;
  CHECK(pthread_mutex_init(&mutex, &attributes) == 0);
  return mutex;
}

// A thread and what it may own that another one waits for.
struct Node {
  pthread_mutex_t mutex = make_mutex(PTHREAD_PRIO_NONE), inheriting = make_mutex(PTHREAD_PRIO_INHERIT);
  pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
  mtx_t c11;
  std::unique_ptr<Thread> thread;

  Node() { mtx_init(&c11, mtx_timed); }
};

// In 15 minutes.
timespec later(clockid_t clock) {
  timespec time;
  clock_gettime(clock, &time);
  time.tv_sec += 900;
  return time;
}
const timespec kLater = later(CLOCK_REALTIME), kLaterMonotonic = later(CLOCK_MONOTONIC);

// How a thread waits for another one, and what that one does first.
struct Form {
  bool has_timeout;
  void (*own)(Node&);
  void (*wait)(Node&);
};

void own_mutex(Node& node) {
  CHECK(pthread_mutex_lock(&node.mutex) == 0);
}
void own_inheriting(Node& node) {
  CHECK(pthread_mutex_lock(&node.inheriting) == 0);
}
void own_rwlock(Node& node) {
  CHECK(pthread_rwlock_wrlock(&node.rwlock) == 0);
}
void own_c11(Node& node) {
  CHECK(mtx_lock(&node.c11) == thrd_success);
}
void live(Node&) {}

constexpr Form kLock = {false, own_mutex, [](Node& node) { pthread_mutex_lock(&node.mutex); }};
constexpr Form kForms[] = {
    kLock,
    {true, own_mutex, [](Node& node) { pthread_mutex_timedlock(&node.mutex, &kLater); }},
    {true, own_mutex, [](Node& node) { pthread_mutex_clocklock(&node.mutex, CLOCK_MONOTONIC, &kLaterMonotonic); }},
    {false, own_inheriting, [](Node& node) { pthread_mutex_lock(&node.inheriting); }},
    {true, own_inheriting, [](Node& node) { pthread_mutex_timedlock(&node.inheriting, &kLater); }},
    {false, own_c11, [](Node& node) { mtx_lock(&node.c11); }},
    {true, own_c11, [](Node& node) { mtx_timedlock(&node.c11, &kLater); }},
    {false, own_rwlock, [](Node& node) { pthread_rwlock_wrlock(&node.rwlock); }},
    {true, own_rwlock, [](Node& node) { pthread_rwlock_timedwrlock(&node.rwlock, &kLater); }},
    {true, own_rwlock, [](Node& node) { pthread_rwlock_clockwrlock(&node.rwlock, CLOCK_MONOTONIC, &kLaterMonotonic); }},
    {false, own_rwlock, [](Node& node) { pthread_rwlock_rdlock(&node.rwlock); }},
    {true, own_rwlock, [](Node& node) { pthread_rwlock_timedrdlock(&node.rwlock, &kLater); }},
    {true, own_rwlock, [](Node& node) { pthread_rwlock_clockrdlock(&node.rwlock, CLOCK_MONOTONIC, &kLaterMonotonic); }},
    {false, live, [](Node& node) { pthread_join(node.thread->handle(), nullptr); }},
    {true, live, [](Node& node) { pthread_timedjoin_np(node.thread->handle(), nullptr, &kLater); }},
    {true, live,
     [](Node& node) { pthread_clockjoin_np(node.thread->handle(), nullptr, CLOCK_MONOTONIC, &kLaterMonotonic); }},
};

// Each thread waits for the next one, the first by the form.
class Cycle {
 public:
  Cycle(size_t size, const Form& form) : form_(form), nodes_(size) {
    CHECK(pthread_barrier_init(&all_own_, nullptr, static_cast<unsigned>(size)) == 0);
    for (size_t i = 0; i < size; ++i)
      nodes_[i].thread = std::make_unique<Thread>(form.has_timeout ? "in_time" : "forever", [this, i] { work(i); });
    all_exist_.fire();
  }

 private:
  const Form& form_between(size_t waiting) const { return waiting == 0 ? form_ : kLock; }
  void work(size_t i) {
    const size_t size = nodes_.size();
    all_exist_.wait();
    form_between((i + size - 1) % size).own(nodes_[i]);
    pthread_barrier_wait(&all_own_);
    form_between(i).wait(nodes_[(i + 1) % size]);
  }

  const Form& form_;
  std::vector<Node> nodes_;
  Event all_exist_;
  pthread_barrier_t all_own_;
};

}  // namespace

int main() {
  std::vector<std::unique_ptr<Cycle>> cycles;
  for (const size_t size : {2, 3})
    for (const Form& form : kForms) cycles.push_back(std::make_unique<Cycle>(size, form));
  await_report("deadlock", 12);
  sleep_past_limit();  // for what must not be reported
  sleep_past_limit();
  std::fflush(stdout);
  _exit(0);
}
