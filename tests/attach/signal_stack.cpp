// Its only thread waits in a signal's handler, on a stack of its own that is hardly larger than the kernel wants it.
#include <signal.h>

#include "tests/programs/harness.h"

int main() {
  static char memory[16384];
  const stack_t stack{memory, 0, sizeof memory};
  struct sigaction action = {};
  action.sa_flags = SA_ONSTACK;
  action.sa_handler = [](int) {
    CHECK(write(STDOUT_FILENO, "ready\n", 6) == 6);
    while (true) pause();
  };
  CHECK(sigaltstack(&stack, nullptr) == 0 && sigaction(SIGUSR1, &action, nullptr) == 0);
  raise(SIGUSR1);
}
