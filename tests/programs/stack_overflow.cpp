// A thread overflows its stack while it holds a lock, and the handler blocks on the alternate stack: the report leads from
// the handler to the function that overflowed; afterwards the thread jumps out and goes on.
// RUN-ENV: HOLDWATCH_LIMIT=200ms
// EXPECT-JSON: len(over) == 1 and len(released) == 1
// EXPECT-JSON: frame(holder(over[0])["now"], "handle_overflow")["line"] == line("BLOCKED HERE")
// EXPECT-JSON: has(holder(over[0])["now"], "overflow(")
// EXPECT-JSON: holder(over[0])["now"]["complete"] and "more frames" in holder(over[0])["now"]["note"]
// EXPECT-JSON: frame(holder(over[0])["taken"], "holds")["line"] == line("TAKEN HERE")
// EXPECT-JSON: len(holder(over[0])["now"]["frames"]) < 600
#include <setjmp.h>
#include <signal.h>

#include <mutex>
#include <vector>

#include "tests/programs/harness.h"
using namespace harness;

std::mutex lock;
Event release;
sigjmp_buf g_way_out;
volatile int g_sink;

void handle_overflow(int) {
  release.wait();  // BLOCKED HERE
  siglongjmp(g_way_out, 1);
}

#pragma GCC diagnostic ignored "-Winfinite-recursion"
OWN_FRAME int overflow(int depth) {
  volatile char room[512];
  room[depth % 512] = static_cast<char>(depth);
  const int result = overflow(depth + 1);
  g_sink = room[depth % 512];
  return result + 1;
}

OWN_FRAME void holds() {
  std::lock_guard guard(lock);  // TAKEN HERE
  if (sigsetjmp(g_way_out, 1) == 0) overflow(0);
}

void run() {
  std::vector<char> alternate(64 << 10);
  stack_t stack{};
  stack.ss_sp = alternate.data();
  stack.ss_size = alternate.size();
  CHECK(sigaltstack(&stack, nullptr) == 0);
  holds();
  stack.ss_flags = SS_DISABLE;
  CHECK(sigaltstack(&stack, nullptr) == 0);
}

int main() {
  struct sigaction action {};
  action.sa_handler = handle_overflow;
  action.sa_flags = SA_ONSTACK;
  CHECK(sigaction(SIGSEGV, &action, nullptr) == 0);
  Thread holder("holder", run);
  await_report("over");
  release.fire();
  holder.join();
  await_report("released");
  std::puts("went on");
}
