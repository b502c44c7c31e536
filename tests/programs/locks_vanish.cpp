// Locks that are unmapped, freed or made anew in the same place while the watch looks at them: nothing is read that is
// gone, and nobody is told to hold what is another lock by now.
// RUN-ENV: HOLDWATCH_LIMIT=5ms HOLDWATCH_RATE=100000 HOLDWATCH_LOG=none
// EXPECT-JSON: held_by(over) <= {"unmaps", "frees", "remakes"} and len(over) > 20
#include <sys/mman.h>

#include <deque>

#include "tests/programs/harness.h"
using namespace harness;

constexpr int kRounds = 40;

void hold_briefly(pthread_mutex_t* mutex) {
  CHECK(pthread_mutex_lock(mutex) == 0);
  std::this_thread::sleep_for(10ms);
}

int main() {
  std::deque<Thread> threads;
  threads.emplace_back("unmaps", [] {
    for (int round = 0; round < kRounds; ++round) {
      void* page = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      hold_briefly(static_cast<pthread_mutex_t*>(page));
      CHECK(munmap(page, 4096) == 0);  // held for ever, by its own account
    }
  });
  threads.emplace_back("frees", [] {
    for (int round = 0; round < kRounds; ++round) {
      auto* mutex = new pthread_mutex_t(PTHREAD_MUTEX_INITIALIZER);
      hold_briefly(mutex);
      CHECK(pthread_mutex_unlock(mutex) == 0 && pthread_mutex_destroy(mutex) == 0);
      delete mutex;
    }
  });
  threads.emplace_back("remakes", [] {
    pthread_mutex_t mutex;
    for (int round = 0; round < kRounds; ++round) {
      CHECK(pthread_mutex_init(&mutex, nullptr) == 0);
      hold_briefly(&mutex);  // and is made anew while it is held
    }
  });
  threads.clear();
  std::puts("done");
}
