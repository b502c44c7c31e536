// A thread that keeps itself waiting: a signal interrupts a call that takes or releases a lock, and its handler wants the lock.
#pragma once

#include <csignal>

#include "tests/programs/harness.h"

namespace harness {

// Ends the program once the self-deadlock has been reported, "done"; without a watch at once. The moment itself is too short to
// hit: `leave_taken` makes of the lock what the interrupted call would have, and the signal arrives in a call of libc's that has
// the lock in a register, as that one has. Never returns.
template <typename Lock, typename LeaveTaken>
[[noreturn]] void interrupt_call_on(Lock& lock, void (*handler)(int), LeaveTaken leave_taken) {
  std::thread([] {
    await_report("self_deadlock");
    std::puts("done");
    std::fflush(stdout);
    std::this_thread::sleep_for(300ms);  // the text follows the JSON line, and _exit waits for nobody
    _exit(0);
  }).detach();
  if (!is_watched()) pause();
  struct sigaction action {};
  action.sa_handler = handler;
  sigaction(SIGUSR1, &action, nullptr);
  leave_taken(lock);
  syscall(SYS_tgkill, getpid(), gettid(), SIGUSR1, &lock);
  std::abort();  // the handler has returned
}

}  // namespace harness
