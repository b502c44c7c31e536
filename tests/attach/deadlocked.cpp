// A process whose threads wait for each other, in one way per argument, before anybody looks ("ready"); or as soon as it is
// told to ("close"). Ends when its input does.
#include <sys/prctl.h>
#include <sys/wait.h>

#include <csignal>
#include <cstring>
#include <iostream>

#include "tests/programs/harness.h"
#include "tests/shared_locks.h"
using namespace harness;

namespace {

pthread_mutex_t one = PTHREAD_MUTEX_INITIALIZER, two = PTHREAD_MUTEX_INITIALIZER, three = PTHREAD_MUTEX_INITIALIZER;
pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
Event close_circle;

// A thread that has `first` before this returns, and wants `second` once the circle is to be closed. Never joined, never
// freed.
template <typename Take, typename Want>
Thread* start(const char* name, Take take, Want want) {
  auto* has_first = new Event;
  auto* thread = new Thread(name, [=] {
    CHECK(take() == 0);
    has_first->fire();
    close_circle.wait();
    want();
    std::puts("never");  // so that this frame stays
  });
  has_first->wait();
  return thread;
}

auto lock(pthread_mutex_t& mutex) {
  return [&mutex] { return pthread_mutex_lock(&mutex); };
}

auto wait_an_hour_for(pthread_mutex_t& mutex) {
  return [&mutex] {
    timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 3600;
    return pthread_mutex_timedlock(&mutex, &until);
  };
}

int write_lock() {
  return pthread_rwlock_wrlock(&rwlock);
}

void close_now(Thread* first, pthread_mutex_t& wanted, Thread* second, pthread_mutex_t& wanted_by_second) {
  close_circle.fire();
  first->wait_until_blocked_on(wanted);
  second->wait_until_blocked_on(wanted_by_second);
}

void three_mutexes() {
  Thread* first = start("first", lock(one), lock(two));
  Thread* second = start("second", lock(two), lock(three));
  Thread* third = start("third", lock(three), lock(one));
  (new Thread("victim", lock(three)))->wait_until_blocked_on(three);
  close_now(first, two, second, three);
  third->wait_until_blocked_on(one);
}

void mutex_and_rwlock() {
  Thread* first = start("first", lock(one), write_lock);
  Thread* second = start("second", write_lock, lock(one));
  close_circle.fire();
  first->wait_until_blocked_on(rwlock);
  second->wait_until_blocked_on(one);
}

// The first one gives `two` up in a condition wait and wants it back once the second one, which has it by then, has woken it.
pthread_cond_t condition = PTHREAD_COND_INITIALIZER;

Thread* start_condition_waiter() {
  auto* has_both = new Event;
  auto* first = new Thread("first", [=] {
    CHECK(pthread_mutex_lock(&one) == 0);
    CHECK(pthread_mutex_lock(&two) == 0);
    has_both->fire();
    pthread_cond_wait(&condition, &two);
    std::puts("never");  // so that this frame stays
  });
  has_both->wait();
  first->wait_until_blocked_on(condition);
  return first;
}

int wake_and_lock_one() {
  pthread_cond_signal(&condition);
  return pthread_mutex_lock(&one);
}

void woken() {
  Thread* first = start_condition_waiter();
  Thread* second = start("second", lock(two), wake_and_lock_one);
  close_now(first, two, second, one);
}

void woken_later() {
  start_condition_waiter();
  start("second", lock(two), wake_and_lock_one);
}

void itself() {
  Thread* first = start("first", lock(one), lock(one));
  close_circle.fire();
  first->wait_until_blocked_on(one);
}

void in_time() {
  Thread* first = start("first", lock(one), wait_an_hour_for(two));
  Thread* second = start("second", lock(two), lock(one));
  close_now(first, two, second, one);
}

// The command borrows the thread that sleeps, and leaves those that wait as they are.
void in_time_beside_a_sleeper() {
  new Thread("sleeps", [] { sleep(3600); });
  in_time();
}

void join_under_lock() {
  Thread* second = start(
      "second", [] { return 0; }, lock(one));
  Thread* first = start("first", lock(one), [second] { second->join(); });
  close_circle.fire();
  second->wait_until_blocked_on(one);
  first->wait_until_blocked_in(SYS_futex);
}

void later() {
  start("first", lock(one), lock(two));
  start("second", lock(two), lock(one));
}

// The child's main thread has what it took under another id, and a thread of its own waits for that. The parent waits for its end.
void taken_before_fork() {
  CHECK(pthread_mutex_lock(&one) == 0);
  if (const pid_t child = fork(); child != 0) {
    waitpid(child, nullptr, 0);
    _exit(0);
  }
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  (new Thread("waiter", lock(one)))->wait_until_blocked_on(one);
}

// Another process has `theirs`, and wants `ours`, which a thread of this one has.
struct Shared {
  pthread_mutex_t ours, theirs;
  std::atomic<bool> is_ours_taken, is_theirs_taken;
};

[[noreturn]] void be_other_process(Shared& shared, bool wants_ours) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  prctl(PR_SET_NAME, "other");
  close_circle.fire();  // its end here
  CHECK(pthread_mutex_lock(&shared.theirs) == 0);
  shared.is_theirs_taken = true;
  while (!shared.is_ours_taken) pause_briefly();
  if (wants_ours) pthread_mutex_lock(&shared.ours);
  while (true) pause();
}

void take_from_other_process(bool it_wants_ours) {
  auto& shared = shared_locks::map_shared<Shared>();
  shared_locks::init(shared.ours);
  shared_locks::init(shared.theirs);
  if (fork() == 0) be_other_process(shared, it_wants_ours);
  while (!shared.is_theirs_taken) pause_briefly();
  Thread* first = start("first", lock(shared.ours), lock(shared.theirs));
  shared.is_ours_taken = true;
  close_circle.fire();
  first->wait_until_blocked_on(shared.theirs);
}

void two_processes() {
  take_from_other_process(true);
}

void held_by_other_process() {
  take_from_other_process(false);
}

// The same by another thread than the one that has the mutex: there, nobody can release it.
void left_behind_at_fork() {
  start("keeper", lock(one), lock(two));
  if (const pid_t child = fork(); child != 0) {
    waitpid(child, nullptr, 0);
    _exit(0);
  }
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  (new Thread("waiter", lock(one)))->wait_until_blocked_on(one);
}

}  // namespace

int main(int, char** argv) {
  const struct {
    const char* name;
    void (*make)();
  } scenes[] = {{"three_mutexes", three_mutexes},
                {"mutex_and_rwlock", mutex_and_rwlock},
                {"itself", itself},
                {"in_time", in_time},
                {"woken", woken},
                {"woken_later", woken_later},
                {"in_time_beside_a_sleeper", in_time_beside_a_sleeper},
                {"join_under_lock", join_under_lock},
                {"later", later},
                {"two_processes", two_processes},
                {"held_by_other_process", held_by_other_process},
                {"taken_before_fork", taken_before_fork},
                {"left_behind_at_fork", left_behind_at_fork}};
  for (const auto& scene : scenes)
    if (std::strcmp(scene.name, argv[1]) == 0) scene.make();
  std::cout << "ready" << std::endl;
  for (std::string line; std::getline(std::cin, line);) {
    close_circle.fire();
    std::cout << "closed" << std::endl;
  }
  std::_Exit(0);
}
