// Threads without end, one after the other, and locks without end: what we need does not grow with either. The numbers are
// RUN-ARGS, so that a million of each can be had by hand: PROGRAM 1000000 1000000.
// RUN-ENV: HOLDWATCH_LIMIT=500ms
// RUN-ARGS: 50000 1000000
// EXPECT-JSON: held_by(e) == {"last"}
#include <sys/mman.h>

#include "tests/programs/harness.h"
using namespace harness;

long resident_kib() {
  const std::string status = read_file("/proc/self/status");
  return std::strtol(status.c_str() + status.find("VmRSS:") + 6, nullptr, 10);
}

void* locks_once(void* lock) {
  auto* mutex = static_cast<pthread_mutex_t*>(lock);
  CHECK(pthread_mutex_lock(mutex) == 0 && pthread_mutex_unlock(mutex) == 0);
  return nullptr;
}

void start_threads(long count) {
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  for (long number = 0; number < count; ++number) {
    pthread_t thread;
    CHECK(pthread_create(&thread, nullptr, locks_once, &mutex) == 0 && pthread_join(thread, nullptr) == 0);
  }
}

// In pages that are given back at once: only what we keep of each lock would stay.
void use_locks(long count) {
  constexpr long kAtOnce = 10'000;
  const size_t size = kAtOnce * sizeof(pthread_mutex_t);
  for (long done = 0; done < count; done += kAtOnce) {
    void* memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(memory != MAP_FAILED);
    auto* locks = static_cast<pthread_mutex_t*>(memory);
    for (long number = 0; number < kAtOnce; ++number) locks_once(&locks[number]);
    CHECK(munmap(memory, size) == 0);
  }
}

int main(int count, char** arguments) {
  CHECK(count == 3);
  start_threads(1000);
  use_locks(10'000);
  hold_until_reported("last");  // so that everything is loaded
  const long before = resident_kib();
  start_threads(std::atol(arguments[1]));
  use_locks(std::atol(arguments[2]));
  const long grown = resident_kib() - before;
  if (grown > 1024) std::printf("grown by %ld KiB\n", grown);
  hold_until_reported("last");
  std::puts("done");
}
