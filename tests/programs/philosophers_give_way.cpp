// Dining philosophers who end their deadlocks themselves: one of each table wants the second fork only for a while; or all only
// try for it, and put the first one back. None of it is called a deadlock, and everybody eats.
// RUN-ENV: HOLDWATCH_LIMIT=20ms HOLDWATCH_WAIT_LIMIT=60s
// FORBID: deadlock of|which it holds itself
// EXPECT: has held
// EXPECT-JSON: {event["event"] for event in e} == {"hold"}
#include <memory>
#include <vector>

#include "tests/programs/harness.h"
using namespace harness;

namespace {

struct Table {
  explicit Table(size_t count) : forks(count, pthread_mutex_t PTHREAD_MUTEX_INITIALIZER) {
    CHECK(pthread_barrier_init(&seated, nullptr, static_cast<unsigned>(count)) == 0);
  }

  pthread_mutex_t* left_of(size_t i) { return &forks[i]; }
  pthread_mutex_t* right_of(size_t i) { return &forks[(i + 1) % forks.size()]; }
  void put_back(size_t i) { CHECK(pthread_mutex_unlock(left_of(i)) == 0); }

  std::vector<pthread_mutex_t> forks;
  pthread_barrier_t seated;
};

timespec after(std::chrono::milliseconds while_) {
  timespec until;
  clock_gettime(CLOCK_REALTIME, &until);
  const auto later = std::chrono::seconds(until.tv_sec) + std::chrono::nanoseconds(until.tv_nsec) + while_;
  until.tv_sec = static_cast<time_t>(later / 1s);
  until.tv_nsec = static_cast<long>(later % 1s / 1ns);
  return until;
}

void eat(Table& table, size_t i) {
  CHECK(pthread_mutex_unlock(table.right_of(i)) == 0);
  table.put_back(i);
}

// All but the first wait for as long as it takes.
void wait_in_time(Table& table, size_t i) {
  CHECK(pthread_mutex_lock(table.left_of(i)) == 0);
  pthread_barrier_wait(&table.seated);
  if (i == 0) {
    const timespec until = after(is_watched() ? 900ms : 50ms);
    if (pthread_mutex_timedlock(table.right_of(i), &until) != 0) return table.put_back(i);
  } else {
    CHECK(pthread_mutex_lock(table.right_of(i)) == 0);
  }
  eat(table, i);
}

void try_again(Table& table, size_t i) {
  const auto enough = std::chrono::steady_clock::now() + (is_watched() ? 500ms : 10ms);
  pthread_barrier_wait(&table.seated);
  while (std::chrono::steady_clock::now() < enough) {
    CHECK(pthread_mutex_lock(table.left_of(i)) == 0);
    if (pthread_mutex_trylock(table.right_of(i)) == 0)
      eat(table, i);
    else
      table.put_back(i);
  }
}

void dine(size_t count, void (*behave)(Table&, size_t)) {
  Table table(count);
  std::vector<std::unique_ptr<Thread>> philosophers;
  for (size_t i = 0; i < count; ++i)
    philosophers.push_back(std::make_unique<Thread>("philosopher", [&, i] { behave(table, i); }));
}

}  // namespace

int main() {
  for (const size_t count : {2u, 3u, 5u, 50u}) dine(count, wait_in_time);
  for (const size_t count : {2u, 5u}) dine(count, try_again);
}
