// A process that does nothing with many threads, to see what watching it costs: idle THREADS [holding]. Prints "ready" once
// all threads are there, and ends with its standard input. With `holding` each thread holds a lock of its own, and takes it
// anew twice a second, so that none is held for longer than the default limit.
#include <pthread.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "company.h"

namespace {

constexpr useconds_t kHoldUs = 500'000;

std::atomic<size_t> g_arrived{0};

void* hold_again_and_again(void*) {
  pthread_mutex_t own = PTHREAD_MUTEX_INITIALIZER;
  pthread_mutex_lock(&own);
  g_arrived.fetch_add(1);
  g_arrived.notify_one();
  while (true) {
    usleep(kHoldUs);
    pthread_mutex_unlock(&own);
    pthread_mutex_lock(&own);
  }
}

void start_holders(size_t count) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, 64 * 1024);
  for (size_t i = 0; i < count; ++i) {
    pthread_t thread;
    if (pthread_create(&thread, &attributes, &hold_again_and_again, nullptr) != 0) {
      std::perror("cannot make a thread");
      std::exit(1);
    }
  }
  for (size_t there = g_arrived.load(); there < count; there = g_arrived.load()) g_arrived.wait(there);
}

}  // namespace

int main(int argc, char** argv) {
  const size_t count = argc > 1 ? static_cast<size_t>(std::atol(argv[1])) : 0;
  if (argc > 2 && std::strcmp(argv[2], "holding") == 0)
    start_holders(count);
  else if (count > 0)
    Company::of(count);
  std::puts("ready");
  std::fflush(stdout);
  char byte;
  while (read(STDIN_FILENO, &byte, 1) > 0) {
  }
  std::_Exit(0);
}
