// A program that knows nothing of holdwatch and does what its standard input says, a line at a time; it answers each with a
// line. tests/attach/attach.py attaches to it.
//     hold        a thread "holder" takes the lock and a thread "waiter" wants it
//     release     both are done
//     robust      the same with a robust mutex, for good
//     stream      the same with a stream, which "waiter" waits for inside of fputs, for good
//     queue       "reader" reads an rwlock that lets writers go first, "writer" wants it, and "behind" wants to read; answers with
//                 its address
//     idle        three threads "worker" wait for one condition, and "logger" in another function for another one, for good
//     read        "reader" reads an rwlock in a function that releases it when it is left, and "writer" wants it, for good
//     recall      reads a line of its threads' complaints: "fine" if there are none
//     load PATH   a library's function load_plugin loads another one by its bare name, whose function takes the lock
//     fork        a child in which a thread holds a lock until the next line comes; answers with the child's exit status
//     leave       the main thread leaves; the process is to end with status 0 when the last thread has
#include <dlfcn.h>
#include <poll.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <condition_variable>
#include <cstring>
#include <iostream>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <sstream>
#include <vector>

#include "tests/programs/harness.h"
using namespace harness;

namespace {

std::mutex lock;
std::atomic<int> complaints{0};

OWN_FRAME void takes_the_lock(Event& locked, Event& release) {
  std::lock_guard guard(lock);
  locked.fire();
  release.wait();
}

OWN_FRAME void wants_the_lock() {
  std::lock_guard guard(lock);
}

struct Hold {
  Event locked, release;
  Thread holder{"holder", [this] { takes_the_lock(locked, release); }};
  std::unique_ptr<Thread> waiter;

  Hold() {
    locked.wait();
    waiter = std::make_unique<Thread>("waiter", wants_the_lock);
    waiter->wait_until_blocked_on(lock);
  }
  ~Hold() { release.fire(); }
};

void hold_robust_mutex() {
  static pthread_mutex_t mutex;
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
  pthread_mutex_init(&mutex, &attributes);
  static Event locked, never;
  static Thread holder("holder", [] {
    pthread_mutex_lock(&mutex);
    locked.fire();
    never.wait();
  });
  locked.wait();
  static Thread waiter("waiter", [] { pthread_mutex_lock(&mutex); });
  waiter.wait_until_blocked_on(mutex);
}

void hold_stream() {
  static FILE* const stream = std::fopen("/dev/null", "w");
  static Event locked, never;
  static Thread holder("holder", [] {
    flockfile(stream);
    locked.fire();
    never.wait();
  });
  locked.wait();
  static Thread waiter("waiter", [] { std::fputs("text", stream); });
  waiter.wait_until_blocked_in(SYS_futex);
}

std::condition_variable work_came;

OWN_FRAME void waits_for_work() {
  static std::mutex mutex;
  std::unique_lock guard(mutex);
  for (;;) work_came.wait(guard);
}

std::condition_variable line_came;

OWN_FRAME void waits_for_a_line() {
  static std::mutex mutex;
  std::unique_lock guard(mutex);
  for (;;) line_came.wait(guard);
}

void be_idle() {
  for (int i = 0; i < 3; ++i) (new Thread("worker", waits_for_work))->wait_until_blocked_on(work_came);
  (new Thread("logger", waits_for_a_line))->wait_until_blocked_on(line_came);
}

std::shared_mutex shared_lock;

OWN_FRAME void reads_the_lock(Event& locked, Event& release) {
  std::shared_lock guard(shared_lock);
  locked.fire();
  release.wait();
}

void hold_for_reading() {
  static Event locked, never;
  new Thread("reader", [] { reads_the_lock(locked, never); });
  locked.wait();
  (new Thread("writer", [] { std::unique_lock guard(shared_lock); }))->wait_until_blocked_on(shared_lock);
}

std::string queue_for_rwlock() {
  static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP;
  static Event locked, never;
  static Thread reader("reader", [] {
    pthread_rwlock_rdlock(&rwlock);
    locked.fire();
    never.wait();
  });
  locked.wait();
  static Thread writer("writer", [] { pthread_rwlock_wrlock(&rwlock); });
  writer.wait_until_blocked_on(rwlock);
  static Thread behind("behind", [] { pthread_rwlock_rdlock(&rwlock); });
  behind.wait_until_blocked_on(rwlock);
  std::ostringstream address;
  address << &rwlock;
  return address.str();
}

void complain_if(bool condition, const char* what) {
  if (condition) {
    complaints.fetch_add(1);
    std::cerr << what << ": " << std::strerror(errno) << std::endl;
  }
}

// Threads that sit in calls which an interruption would end; each is a complaint if it returns.
void sit_in_calls() {
  static int pipe_ends[2], sockets[2];
  CHECK(pipe(pipe_ends) == 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) == 0);
  static sem_t semaphore;
  sem_init(&semaphore, 0, 0);
  const auto sit = [](const char* name, auto call) {
    std::thread([=] {
      pthread_setname_np(pthread_self(), name);
      errno = 0;
      call();
      complain_if(true, name);
    }).detach();
  };
  sit("epoll", [] {
    epoll_event event;
    epoll_wait(epoll_create1(0), &event, 1, -1);
  });
  sit("poll", [] { poll(nullptr, 0, 3600'000); });
  sit("select", [] {
    timeval hour{3600, 0};
    select(0, nullptr, nullptr, nullptr, &hour);
  });
  sit("nanosleep", [] {
    const timespec hour{3600, 0};
    nanosleep(&hour, nullptr);
  });
  sit("read", [] {
    char byte;
    static_cast<void>(::read(pipe_ends[0], &byte, 1));
  });
  sit("recv with a timeout", [] {
    const timeval hour{3600, 0};
    setsockopt(sockets[0], SOL_SOCKET, SO_RCVTIMEO, &hour, sizeof hour);
    char byte;
    recv(sockets[0], &byte, 1, 0);
  });
  sit("sem_wait", [] { sem_wait(&semaphore); });
  sit("sem_timedwait", [] {
    timespec hour;
    clock_gettime(CLOCK_REALTIME, &hour);
    hour.tv_sec += 3600;
    sem_timedwait(&semaphore, &hour);
  });
  sit("sigtimedwait", [] {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    const timespec hour{3600, 0};
    sigtimedwait(&set, nullptr, &hour);
  });
}

// Threads that lock and unlock, and count what the locks protect: a call that went astray would show. Their floating point
// and vector registers are in use all the time.
void hammer() {
  static std::mutex hammered;
  static long count = 0;
  static std::atomic<long> sum{0};
  for (int i = 0; i < 4; ++i) {
    std::thread([i] {
      double value = 1;
      for (long round = 1;; ++round) {
        errno = ERANGE;
        {
          std::lock_guard guard(hammered);
          ++count;
          complain_if(count != sum.fetch_add(1) + 1, "a lock was held by two");
        }
        complain_if(errno != ERANGE, "errno was changed");
        for (int k = 0; k < 100; ++k) value = value * 1.0000001 + 1e-9;
        if (round % 64 == 0) {
          std::this_thread::sleep_for(std::chrono::microseconds(200 * (i + 1)));
          complain_if(!(value >= 1), "a number was changed");
        }
        if (value > 1e6) value = 1;
      }
    }).detach();
  }
}

// Libraries and threads that come and go all the time.
void churn(const char* library) {
  std::thread([=] {
    while (true) {
      void* handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
      complain_if(handle == nullptr, "a library cannot be loaded");
      const auto takes_a_lock = reinterpret_cast<void (*)()>(dlsym(handle, "take_and_release"));
      takes_a_lock();
      dlclose(handle);
    }
  }).detach();
  std::thread([] {
    while (true) std::thread(wants_the_lock).join();
  }).detach();
}

// Queued signals must all arrive, in their order.
volatile sig_atomic_t last_value = 0;
void on_signal(int, siginfo_t* info, void*) {
  if (info->si_value.sival_int != last_value + 1) complaints.fetch_add(1);
  last_value = info->si_value.sival_int;
}

void receive_signals() {
  struct sigaction action = {};
  action.sa_sigaction = on_signal;
  action.sa_flags = SA_SIGINFO | SA_RESTART;
  sigaction(SIGRTMIN, &action, nullptr);
}

std::string fork_and_hold() {
  const pid_t child = fork();
  if (child == 0) {
    Event release;
    {
      Event locked;
      Thread holder("holder", [&] { takes_the_lock(locked, release); });
      locked.wait();
      std::string line;
      std::getline(std::cin, line);
      release.fire();
    }
    _exit(7);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? std::to_string(WEXITSTATUS(status)) : "signal " + std::to_string(WTERMSIG(status));
}

std::string load(const std::string& path) {
  void* handle = dlopen(path.c_str(), RTLD_LAZY | RTLD_LOCAL);
  if (handle == nullptr) return dlerror();
  const auto load_plugin = reinterpret_cast<const char* (*)()>(dlsym(handle, "load_plugin"));
  return load_plugin();
}

[[noreturn]] void leave() {
  std::thread([] { std::this_thread::sleep_for(500ms); }).detach();
  pthread_exit(nullptr);
}

}  // namespace

int main(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--sit") == 0) sit_in_calls();
    if (std::strcmp(argv[i], "--hammer") == 0) hammer();
    if (std::strcmp(argv[i], "--signals") == 0) receive_signals();
    if (std::strcmp(argv[i], "--churn") == 0) churn(argv[++i]);
  }
  std::unique_ptr<Hold> hold;
  std::cout << "ready" << std::endl;
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words(line);
    std::string command, argument;
    words >> command >> argument;
    if (command == "hold") hold = std::make_unique<Hold>();
    if (command == "release") hold.reset();
    if (command == "leave") leave();
    if (command == "robust") hold_robust_mutex();
    if (command == "stream") hold_stream();
    if (command == "idle") be_idle();
    if (command == "read") hold_for_reading();
    std::cout << (command == "fork"     ? fork_and_hold()
                  : command == "load"   ? load(argument)
                  : command == "queue"  ? queue_for_rwlock()
                  : command == "recall" ? complaints.load() == 0 ? "fine" : std::to_string(complaints.load())
                                        : "done")
              << std::endl;
  }
}
