// A service that deadlocks when it is told to: two of its threads take two locks in different order at SIGUSR1. The rest of it
// runs on, and ends as a service does at SIGTERM.
#include <pthread.h>

#include <csignal>
#include <cstdlib>
#include <latch>
#include <mutex>
#include <thread>

namespace {

std::mutex g_accounts, g_journal;
std::latch g_both_hold(2);

void take_in_turn(const char* name, std::mutex& first, std::mutex& second) {
  pthread_setname_np(pthread_self(), name);
  const std::lock_guard outer(first);
  g_both_hold.arrive_and_wait();
  const std::lock_guard inner(second);
}

}  // namespace

int main() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGUSR1);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  int signal = 0;
  while (sigwait(&signals, &signal) == 0 && signal == SIGUSR1) {
    std::thread(take_in_turn, "transfer", std::ref(g_accounts), std::ref(g_journal)).detach();
    std::thread(take_in_turn, "audit", std::ref(g_journal), std::ref(g_accounts)).detach();
  }
  std::_Exit(0);
}
