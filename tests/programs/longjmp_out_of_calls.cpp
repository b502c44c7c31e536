// A signal handler that leaves lock calls for good (siglongjmp), at whatever instruction of them it comes: what the thread
// holds afterwards is seen all the same.
// RUN-ENV: HOLDWATCH_LIMIT=300ms
// EXPECT-JSON: len(over) == 1 and holder(over[0])["thread"] == "jumper" and has(holder(over[0])["taken"], "hold_after_all")
// EXPECT-JSON: len(released) == 1 and not late
#include <setjmp.h>
#include <signal.h>

#include "tests/programs/harness.h"
using namespace harness;

namespace {

constexpr int kJumps = 1000;
sigjmp_buf g_back;
pthread_mutex_t g_left, g_held = PTHREAD_MUTEX_INITIALIZER;

// The mutex that is jumped away from is made anew each time: nobody can say whether it was taken.
void make_anew() {
  g_left = PTHREAD_MUTEX_INITIALIZER;
}

void jump_back(int) {
  siglongjmp(g_back, 1);
}

timer_t timer_of_this_thread() {
  sigevent event{};
  event.sigev_notify = SIGEV_THREAD_ID;
  event.sigev_signo = SIGUSR1;
  event._sigev_un._tid = static_cast<pid_t>(syscall(SYS_gettid));
  timer_t timer;
  CHECK(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
  return timer;
}

void be_left_again_and_again() {
  pthread_mutex_lock(&g_held);  // the thread has its record from now on
  pthread_mutex_unlock(&g_held);
  const timer_t timer = timer_of_this_thread();
  volatile int jumps = 0;
  if (sigsetjmp(g_back, 1) != 0) jumps = jumps + 1;
  make_anew();
  if (jumps < kJumps) {
    const itimerspec soon{{}, {0, 20'000 + 7 * (jumps % 100)}};
    CHECK(timer_settime(timer, 0, &soon, nullptr) == 0);
    while (true) {
      pthread_mutex_lock(&g_left);
      pthread_mutex_unlock(&g_left);
    }
  }
  CHECK(timer_delete(timer) == 0);
}

OWN_FRAME void hold_after_all() {
  pthread_mutex_lock(&g_held);
  await_report("over");
  pthread_mutex_unlock(&g_held);
  await_report("released");
}

}  // namespace

int main() {
  struct sigaction action {};
  action.sa_handler = jump_back;
  CHECK(sigaction(SIGUSR1, &action, nullptr) == 0);
  Thread jumper("jumper", [] {
    be_left_again_and_again();
    hold_after_all();
  });
}
