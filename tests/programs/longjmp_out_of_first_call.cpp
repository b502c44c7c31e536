// A signal handler leaves a thread's first lock call for good (siglongjmp), after each so many of its instructions in turn: what
// the thread holds afterwards is seen all the same.
// RUN-ENV: HOLDWATCH_LIMIT=300ms HOLDWATCH_RATE=1000 HOLDWATCH_REPEAT=0
// EXPECT-JSON: len({holder(event)["tid"] for event in over}) == 128 and not late
// EXPECT-JSON: all(has(holder(event)["taken"], "hold_after_all") for event in over)
#include <setjmp.h>
#include <signal.h>

#include <memory>
#include <vector>

#include "tests/programs/harness.h"
using namespace harness;

namespace {

constexpr int kThreads = 128;
constexpr int kStep = 5;  // the call takes some 500 instructions

thread_local sigjmp_buf t_back;
thread_local int t_steps_left = 0;

// The processor traps after each instruction (Intel's manual, volume 3, "Single-Step Exception"); not in the handler.
void jump_back_at_last(int) {
  if (t_steps_left-- == 0) siglongjmp(t_back, 1);
}

OWN_FRAME void leave_first_call(int after_steps) {
  pthread_mutex_t left = PTHREAD_MUTEX_INITIALIZER;
  t_steps_left = after_steps;
  if (sigsetjmp(t_back, 1) != 0) return;
  __asm__ volatile("pushfq; orq $0x100, (%%rsp); popfq" ::: "memory", "cc");
  pthread_mutex_lock(&left);
  __asm__ volatile("pushfq; andq $~0x100, (%%rsp); popfq" ::: "memory", "cc");
}

OWN_FRAME void hold_after_all(const Event& release) {
  pthread_mutex_t held = PTHREAD_MUTEX_INITIALIZER;
  pthread_mutex_lock(&held);
  release.wait();
  pthread_mutex_unlock(&held);
}

}  // namespace

int main() {
  struct sigaction action {};
  action.sa_handler = jump_back_at_last;
  CHECK(sigaction(SIGTRAP, &action, nullptr) == 0);
  Event release;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i)
    threads.emplace_back([&, i] {
      leave_first_call(i * kStep);
      hold_after_all(release);
    });
  await_report("over", kThreads);
  release.fire();
  for (std::thread& thread : threads) thread.join();
}
