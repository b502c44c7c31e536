// A timer's handler takes the mutex whose lock or unlock it has interrupted, at whatever instruction: the thread waits for
// itself, whether the mutex names it by then, or still, or nobody.
// RUN-ENV: HOLDWATCH_LIMIT=300ms HOLDWATCH_WAIT_LIMIT=60s
// RUNS: 6
// EXPECT: (it holds itself|it likely holds itself)
// EXPECT-JSON: all({event["event"] for event in run} == {"self_deadlock"} for run in runs)
// EXPECT-JSON: all(has(holder(run[0])["now"], "on_alarm") and has(holder(run[0])["now"], "main") for run in runs)
#include <csignal>

#include <sys/time.h>

#include "tests/programs/harness.h"
using namespace harness;

namespace {

pthread_mutex_t g_mutex = PTHREAD_MUTEX_INITIALIZER;

OWN_FRAME void on_alarm(int) {
  pthread_mutex_lock(&g_mutex);
  pthread_mutex_unlock(&g_mutex);
}

}  // namespace

int main() {
  sigset_t alarm;
  sigemptyset(&alarm);
  sigaddset(&alarm, SIGALRM);
  pthread_sigmask(SIG_BLOCK, &alarm, nullptr);
  std::thread([] {
    await_report("self_deadlock");
    std::puts("done");
    std::fflush(stdout);
    _exit(0);
  }).detach();
  if (!is_watched()) pause();
  struct sigaction action {};
  action.sa_handler = on_alarm;
  sigaction(SIGALRM, &action, nullptr);
  itimerval often{{0, 37}, {0, 37}};
  setitimer(ITIMER_REAL, &often, nullptr);
  pthread_sigmask(SIG_UNBLOCK, &alarm, nullptr);
  while (true) {
    pthread_mutex_lock(&g_mutex);
    pthread_mutex_unlock(&g_mutex);
  }
}
