// Scenes that need more than locks (a connection, another process, other things to wait for), or many threads.
// Test code only; see scenes.cpp.
#include <netinet/in.h>
#include <semaphore.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <condition_variable>
#include <csignal>
#include <ctime>
#include <mutex>

#include "tests/inspect/stage.h"

namespace stage {

// A connection to ourselves whose other end nobody reads from, filled while a lock is held.
void fill_connection() {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  const int server = socket(AF_INET, SOCK_STREAM, 0);
  bind(server, reinterpret_cast<sockaddr*>(&address), length);
  listen(server, 1);
  getsockname(server, reinterpret_cast<sockaddr*>(&address), &length);
  const int client = socket(AF_INET, SOCK_STREAM, 0);
  connect(client, reinterpret_cast<sockaddr*>(&address), length);
  static const std::vector<char> kBytes(size_t{64} << 20);
  send(client, kBytes.data(), kBytes.size(), MSG_NOSIGNAL);
  go_on();
}

void holder_sends() {
  static std::mutex mutex;
  pthread_barrier_init(&g_all_hold, nullptr, 2);
  start("sender", [] {
    const std::lock_guard holding(mutex);
    all_hold();
    fill_connection();
  });
  all_hold();
  start("waiter", [] { const std::lock_guard waiting(mutex); });
}

// The main thread of a child has the mutex that it had taken as another thread of its parent, and gives it back at some time.
void hold_since_before(std::mutex& mutex) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  start("waiter", [&mutex] { const std::lock_guard waiting(mutex); });
  stay();
}

void before_fork() {
  static std::mutex mutex;
  mutex.lock();
  const pid_t child = fork();
  if (child == 0) hold_since_before(mutex);
  ready(child);
  stay();
}

// The same as a daemon does it: the one that took the mutex is gone.
void before_daemon() {
  static std::mutex mutex;
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  const pid_t grandparent = getpid();
  const pid_t parent = fork();
  if (parent != 0) {
    waitpid(parent, nullptr, 0);
    stay();
  }
  mutex.lock();
  if (fork() != 0) _exit(0);
  while (getppid() != grandparent) usleep(1000);
  ready();
  hold_since_before(mutex);
}

// Everything that looks a little like waiting for a lock.
void idle() {
  static std::mutex mutex;
  static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
  static sem_t semaphore;
  static pthread_barrier_t barrier;
  sem_init(&semaphore, 0, 0);
  pthread_barrier_init(&barrier, nullptr, 2);
  start("condition", [] {
    std::unique_lock lock(mutex);
    for (;;) pthread_cond_wait(&condition, mutex.native_handle());
  });
  start("timed", [] {
    static pthread_mutex_t other = PTHREAD_MUTEX_INITIALIZER;
    static pthread_cond_t timed = PTHREAD_COND_INITIALIZER;
    pthread_mutex_lock(&other);
    timespec end{};
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += 3600;
    pthread_cond_timedwait(&timed, &other, &end);
  });
  start("semaphore", [] { sem_wait(&semaphore); });
  start("barrier", [] { pthread_barrier_wait(&barrier); });
  start("poller", [] {
    epoll_event event{};
    epoll_wait(epoll_create1(0), &event, 1, -1);
  });
}

namespace {

std::mutex g_work_mutex, g_line_mutex;
std::condition_variable g_work_came, g_line_came;

void waits_for_work() {
  std::unique_lock guard(g_work_mutex);
  for (;;) g_work_came.wait(guard);
}

void waits_for_a_line() {
  std::unique_lock guard(g_line_mutex);
  for (;;) g_line_came.wait(guard);
}

}  // namespace

// Idle workers beside a thread that waits for a lock.
void pool() {
  for (int i = 0; i < 3; ++i) start("worker", waits_for_work);
  start("logger", waits_for_a_line);
  static std::mutex mutex;
  pthread_barrier_init(&g_all_hold, nullptr, 2);
  start("holder", [] {
    const std::lock_guard holding(mutex);
    all_hold();
    stay();
  });
  all_hold();
  start("waiter", [] { const std::lock_guard waiting(mutex); });
}

// Threads that live for some microseconds and take a lock meanwhile.
void storm() {
  static std::mutex mutex;
  for (int i = 0; i < 4; ++i) {
    start("storm", [] {
      for (;;) {
        std::thread([] {
          const std::lock_guard lock(mutex);
          go_on();
        }).join();
      }
    });
  }
}

void crowd(int count) {
  static std::mutex mutex;
  pthread_barrier_init(&g_all_hold, nullptr, 2);
  start("holder", [] {
    const std::lock_guard holding(mutex);
    all_hold();
    stay();
  });
  all_hold();
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, 65536);
  for (int i = 0; i < count; ++i) {
    pthread_t thread;
    const auto wait = [](void*) -> void* {
      const std::lock_guard waiting(mutex);
      return nullptr;
    };
    if (pthread_create(&thread, &attributes, wait, nullptr) != 0) break;
  }
}

}  // namespace stage
