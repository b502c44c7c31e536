// A program whose locks are held and waited for in a known way, until its standard input ends:
//   reader   holds `rooms` for reading, the oldest hold; nobody waits for it
//   payer    holds `accounts`, and waits for its standard input: the root
//   keeper   holds `sessions`, and waits for `accounts`
//   guest    three threads that wait for `sessions`
// Of the argument "free" there are no locks, only a thread that waits; of a number, so many guests; of "deadlock", payer and keeper
// wait for each other too.
#include <pthread.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

extern "C" {
pthread_rwlock_t rooms = PTHREAD_RWLOCK_INITIALIZER;
pthread_mutex_t accounts = PTHREAD_MUTEX_INITIALIZER;
pthread_mutex_t sessions = PTHREAD_MUTEX_INITIALIZER;
pthread_barrier_t begun, in_deadlock;

void wait_for_input() {
  char byte;
  while (read(STDIN_FILENO, &byte, 1) > 0) {
  }
}

void read_rooms() {
  pthread_rwlock_rdlock(&rooms);
  pthread_barrier_wait(&begun);
  pause();
}

void pay(bool waits_for_sessions) {
  pthread_mutex_lock(&accounts);
  pthread_barrier_wait(&begun);
  if (waits_for_sessions) {
    pthread_barrier_wait(&in_deadlock);
    pthread_mutex_lock(&sessions);
  }
  wait_for_input();
  _exit(0);
}

void keep_sessions(bool is_deadlock) {
  pthread_mutex_lock(&sessions);
  pthread_barrier_wait(&begun);
  if (is_deadlock) pthread_barrier_wait(&in_deadlock);
  pthread_mutex_lock(&accounts);
}

void enter() {
  pthread_mutex_lock(&sessions);
}
}

namespace {

std::thread start(const char* name, std::function<void()> work) {
  return std::thread([=] {
    pthread_setname_np(pthread_self(), name);
    work();
  });
}

// One after the other, so that the first one's hold is the oldest.
void start_holder(const char* name, std::function<void()> work) {
  start(name, work).detach();
  pthread_barrier_wait(&begun);
  usleep(20'000);
}

}  // namespace

int main(int count, char** words) {
  const std::string_view how = count > 1 ? words[1] : "3";
  if (how == "free") {
    start("idle", [] { pause(); }).detach();
    usleep(20'000);
  } else {
    pthread_barrier_init(&begun, nullptr, 2);
    pthread_barrier_init(&in_deadlock, nullptr, 2);
    start_holder("reader", read_rooms);
    start_holder("payer", [=] { pay(how == "deadlock"); });
    start_holder("keeper", [=] { keep_sessions(how == "deadlock"); });
    for (int i = std::atoi(std::string(how).c_str()); i > 0; --i) start("guest", enter).detach();
  }
  std::puts("ready");
  std::fflush(stdout);
  wait_for_input();
  _exit(0);
}
