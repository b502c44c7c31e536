// Scenes in which what threads and processes wait for is a lock of a file.
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <mutex>
#include <string>

#include "tests/inspect/stage.h"
#include "tests/shared_locks.h"

namespace stage {
namespace {

enum class By : unsigned char { flock, fcntl };

int file(const char* name) {
  return memfd_create(name, 0);
}

// The same file anew: an open file of its own, for locks.
int opened(int file) {
  return open(("/proc/self/fd/" + std::to_string(file)).c_str(), O_RDWR | O_CLOEXEC);
}

void lock(int file, By by = By::flock, bool shares = false) {
  struct flock whole {};
  whole.l_type = F_WRLCK;
  const bool is_locked =
      by == By::flock ? flock(file, shares ? LOCK_SH : LOCK_EX) == 0 : fcntl(file, F_SETLKW, &whole) == 0;
  if (!is_locked) std::abort();
}

// Each process says when it has its own lock, and goes on when the other one has.
class Turn {
 public:
  Turn() {
    if (pipe(to_child_) != 0 || pipe(to_parent_) != 0) std::abort();
  }
  void parent_holds() { tell(to_child_[1]), hear(to_parent_[0]); }
  void child_holds() { tell(to_parent_[1]), hear(to_child_[0]); }

 private:
  static void tell(int to) {
    if (write(to, "", 1) != 1) std::abort();
  }
  static void hear(int from) {
    char byte;
    if (read(from, &byte, 1) != 1) std::abort();
  }
  int to_child_[2], to_parent_[2];
};

pid_t fork_child(void (*body)(Turn&, int, int), Turn& turn, int first, int second) {
  const pid_t child = fork();
  if (child != 0) return child;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  body(turn, first, second);
  _exit(0);
}

template <By kSecond>
void child_of_two_files(Turn& turn, int first, int second) {
  lock(opened(second), kSecond);
  turn.child_holds();
  lock(opened(first));
}

template <By kSecond>
void parent_of_two_files() {
  Turn turn;
  const int first = file("first"), second = file("second");
  const pid_t child = fork_child(child_of_two_files<kSecond>, turn, first, second);
  lock(opened(first));
  turn.parent_holds();
  ready(child);
  lock(opened(second), kSecond);
}

void catch_alarm() {
  struct sigaction action {};
  action.sa_handler = [](int) {};
  sigaction(SIGALRM, &action, nullptr);
}

pthread_mutex_t* shared_mutex;

void child_of_file_and_mutex(Turn& turn, int first, int) {
  lock(opened(first));
  turn.child_holds();
  pthread_mutex_lock(shared_mutex);
}

void child_of_reader(Turn& turn, int first, int second) {
  lock(opened(second));
  lock(opened(first), By::flock, true);
  turn.child_holds();
  for (;;) pause();
}

void child_that_wants_first(Turn& turn, int first, int) {
  turn.child_holds();
  lock(opened(first));
}

std::mutex under_file;

}  // namespace

// Two processes, each with a file that the other one wants: the kernel finds that only where both locks are by fcntl.
void two_files() {
  parent_of_two_files<By::flock>();
}

void two_kinds_of_file_locks() {
  parent_of_two_files<By::fcntl>();
}

// The same, but for a handler of alarms, with which programs give such calls a timeout.
void two_files_and_alarm() {
  catch_alarm();
  parent_of_two_files<By::flock>();
}

// One has a mutex that both share, and wants the file of the other one, which wants the mutex.
void file_and_mutex() {
  Turn turn;
  shared_mutex = &shared_locks::map_shared_lock<pthread_mutex_t>();
  const int first = file("first");
  fork_child(child_of_file_and_mutex, turn, first, -1);
  pthread_mutex_lock(shared_mutex);
  turn.parent_holds();
  ready();
  lock(opened(first));
}

// Of two readers of a file for which a writer waits, one waits for the writer.
void file_of_two_readers() {
  Turn turn, bystander;
  const int first = file("first"), second = file("second");
  fork_child(child_of_reader, bystander, first, file("third"));
  bystander.parent_holds();
  fork_child(
      [](Turn& turns, int read, int written) {
        lock(opened(read), By::flock, true);
        turns.child_holds();
        lock(opened(written));
      },
      turn, first, second);
  lock(opened(second));
  turn.parent_holds();
  ready();
  lock(opened(first));
}

// A process waits for its child, which wants a file that both have open, from before the fork.
void child_wants_file() {
  Turn turn;
  const int first = file("first");
  const int locked = open(("/proc/self/fd/" + std::to_string(first)).c_str(), O_RDWR);
  lock(locked);
  const pid_t child = fork_child(child_that_wants_first, turn, first, -1);
  turn.parent_holds();
  ready();
  waitpid(child, nullptr, 0);
}

// Its second open file keeps a process waiting for the first one.
void file_locked_twice() {
  const int first = file("first");
  lock(opened(first));
  ready();
  lock(opened(first));
}

// `keeper` has a mutex and wants the file of `taker`, which wants the mutex. Who else there is decides whether the file can be
// given back.
void file_of_a_thread(bool main_waits, bool ends_by_itself) {
  pthread_barrier_init(&g_all_hold, nullptr, 2);
  const int first = file("first");
  start("keeper", [first] {
    const std::lock_guard mine(under_file);
    all_hold();
    lock(opened(first));
    go_on();
  });
  start("taker", [first, ends_by_itself] {
    lock(opened(first));
    all_hold();
    timespec end{};
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += 3600;
    if (ends_by_itself)
      pthread_mutex_timedlock(under_file.native_handle(), &end);
    else
      under_file.lock();
    go_on();
  });
  ready();
  if (main_waits) g_threads.front().join();
}

}  // namespace stage
