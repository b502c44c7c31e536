// A level of a recursive lock that is never given back: the report says where that one was taken, not where one was that came
// before or after it and was given up, also where other locks are taken in between or unlocks are jumps.
// RUN-ENV: HOLDWATCH_LIMIT=200ms HOLDWATCH_REPEAT=0
// EXPECT-JSON: len(over) == 5 and all(holder(event)["depth"] == 1 for event in over)
// EXPECT-JSON: held_by(over) == {"direct", "between", "reader", "over", "deep"}
// EXPECT-JSON: all(has(holder(event)["taken"], "::leak_") for event in over)
#include <threads.h>

#include <mutex>

#include "tests/programs/harness.h"
using namespace harness;

namespace {

void stays() {
  asm volatile("" ::: "memory");  // no call before becomes a jump
}

pthread_mutex_t g_direct = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
OWN_FRAME void leak_at_the_third(int turn) {
  pthread_mutex_lock(&g_direct);
  if (turn != 3) pthread_mutex_unlock(&g_direct);
}
OWN_FRAME void outer_of_direct(int turn) {
  pthread_mutex_lock(&g_direct);
  leak_at_the_third(turn);
  pthread_mutex_unlock(&g_direct);
}

std::recursive_mutex g_between;
std::mutex g_other;
OWN_FRAME void leak_under_another() {
  g_between.lock();
  stays();
}
OWN_FRAME void outer_of_between() {
  const std::lock_guard first(g_between);
  const std::lock_guard other(g_other);
  {
    const std::lock_guard again(g_between);
    stays();
  }
  leak_under_another();
}

pthread_rwlock_t g_read = PTHREAD_RWLOCK_INITIALIZER;
OWN_FRAME void leak_read() {
  pthread_rwlock_rdlock(&g_read);
  stays();
}
OWN_FRAME void outer_of_reader() {
  pthread_rwlock_rdlock(&g_read);
  leak_read();
  pthread_rwlock_unlock(&g_read);
  stays();
}

pthread_rwlock_t g_read_over = PTHREAD_RWLOCK_INITIALIZER;
std::mutex g_below;
OWN_FRAME void leak_read_over_another(int turn) {
  pthread_rwlock_rdlock(&g_read_over);
  stays();
  if (turn != 100) pthread_rwlock_unlock(&g_read_over);
  stays();
}
OWN_FRAME void outer_of_over(int turn) {
  pthread_rwlock_rdlock(&g_read_over);
  g_below.lock();
  leak_read_over_another(turn);
  g_below.unlock();
  pthread_rwlock_unlock(&g_read_over);
  stays();
}

mtx_t g_deep;
OWN_FRAME void leak_at_the_bottom() {
  mtx_lock(&g_deep);
  stays();
}
OWN_FRAME void level_of_deep(int levels) {
  if (levels % 2 == 0)
    mtx_lock(&g_deep);
  else
    mtx_trylock(&g_deep);
  if (levels > 1)
    level_of_deep(levels - 1);
  else
    leak_at_the_bottom();
  mtx_unlock(&g_deep);
  stays();
}

}  // namespace

int main() {
  mtx_init(&g_deep, mtx_plain | mtx_recursive);
  Event done;
  Thread direct("direct", [&] {
    for (int turn = 0; turn < 100; ++turn) outer_of_direct(turn);
    done.wait();
  });
  Thread between("between", [&] {
    outer_of_between();
    done.wait();
  });
  Thread reader("reader", [&] {
    outer_of_reader();
    done.wait();
  });
  Thread over("over", [&] {
    for (int turn = 0; turn <= 100; ++turn) outer_of_over(turn);
    done.wait();
  });
  Thread deep("deep", [&] {
    level_of_deep(5);
    done.wait();
  });
  await_report("over", 5);
  done.fire();
}
