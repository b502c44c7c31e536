// Locks that are unmapped, freed or made anew in the same place while the watch looks at them: nothing is read that is
// gone, and nobody is told to hold what is another lock by now.
// RUN-ENV: HOLDWATCH_LIMIT=5ms HOLDWATCH_RATE=100000 HOLDWATCH_LOG=none
// EXPECT-JSON: held_by(over) <= {"unmaps", "frees", "remakes"} and len(over) > 20
#include <sys/mman.h>

#include <atomic>
#include <deque>

#include "tests/programs/harness.h"
using namespace harness;

constexpr int kRounds = 40;
constexpr size_t kReports = 21;

std::atomic<bool> are_enough{false};

// On a busy machine most of the short holds are over before they are looked at: then more and longer ones follow.
bool goes_on(int round) {
  return round < kRounds || (is_watched() && !are_enough.load());
}

void hold_briefly(pthread_mutex_t* mutex, int round) {
  CHECK(pthread_mutex_lock(mutex) == 0);
  std::this_thread::sleep_for(round < kRounds ? 10ms : 100ms);
}

int main() {
  std::deque<Thread> threads;
  threads.emplace_back("unmaps", [] {
    for (int round = 0; goes_on(round); ++round) {
      void* page = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      hold_briefly(static_cast<pthread_mutex_t*>(page), round);
      CHECK(munmap(page, 4096) == 0);  // held for ever, by its own account
    }
  });
  threads.emplace_back("frees", [] {
    for (int round = 0; goes_on(round); ++round) {
      auto* mutex = new pthread_mutex_t(PTHREAD_MUTEX_INITIALIZER);
      hold_briefly(mutex, round);
      CHECK(pthread_mutex_unlock(mutex) == 0 && pthread_mutex_destroy(mutex) == 0);
      delete mutex;
    }
  });
  threads.emplace_back("remakes", [] {
    pthread_mutex_t mutex;
    for (int round = 0; goes_on(round); ++round) {
      CHECK(pthread_mutex_init(&mutex, nullptr) == 0);
      hold_briefly(&mutex, round);  // and is made anew while it is held
    }
  });
  await_report("over", kReports);
  are_enough = true;
  threads.clear();
  std::puts("done");
}
