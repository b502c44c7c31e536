// Blocks or spins in the call that is named as argument, down a chain of functions whose frames are of every sort, while
// holding a mutex that level2 took: thread_main, level1, descend (recursive), level2, level3, the call.
// Writes "blocking" to standard output just before the call, and ends at the end of its standard input.
#include <alloca.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <mutex>
#include <string>
#include <vector>

extern "C" void work_in_library(volatile int* counter);  // in a library without symbol table, never returns

namespace {

// Longer than any test waits; the program ends when its standard input does, whatever the thread is doing.
constexpr unsigned kSeconds = 600;
constexpr int kMilliseconds = 600'000;

std::mutex held_mutex;
volatile int work_counter;
volatile bool keep_running = true;  // so that no compiler proves a loop endless

[[noreturn]] void fail(const char* what) {
  std::perror(what);
  std::_Exit(2);
}

int check(int result, const char* what) {
  if (result < 0) fail(what);
  return result;
}

// Everything that a call needs to block, made by main so that the thread makes the one call only.
struct Blocker {
  const char* name;
  void (*prepare)();
  void (*block)();
};

int fds[2];
FILE* stream;
sem_t semaphore;
uint32_t futex_word;
pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
pthread_mutex_t condition_mutex = PTHREAD_MUTEX_INITIALIZER;
pid_t child;
sockaddr_un address;
std::vector<char> copy_from, copy_to;

void nothing() {}
void make_pipe() {
  check(pipe2(fds, O_CLOEXEC), "pipe2");
}
void make_pair() {
  check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), "socketpair");
}

void fill(int fd) {
  const int flags = check(fcntl(fd, F_GETFL), "fcntl");
  check(fcntl(fd, F_SETFL, flags | O_NONBLOCK), "fcntl");
  char block[4096] = {};
  while (write(fd, block, sizeof block) > 0) {
  }
  while (write(fd, block, 1) > 0) {
  }
  check(fcntl(fd, F_SETFL, flags), "fcntl");
}

void make_listener(int backlog) {
  fds[0] = check(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
  address.sun_family = AF_UNIX;
  // An abstract name: gone with the process.
  std::snprintf(address.sun_path + 1, sizeof address.sun_path - 1, "blockers-%d", static_cast<int>(getpid()));
  check(bind(fds[0], reinterpret_cast<sockaddr*>(&address), sizeof address), "bind");
  check(listen(fds[0], backlog), "listen");
}

void fill_backlog() {
  make_listener(1);
  int waiting = -1;
  do {
    waiting = check(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), "socket");
  } while (connect(waiting, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  fds[1] = check(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
}

void lock_file() {
  fds[0] = check(memfd_create("blockers", MFD_CLOEXEC), "memfd_create");
  check(flock(fds[0], LOCK_EX), "flock");
  const std::string path = "/proc/self/fd/" + std::to_string(fds[0]);
  fds[1] = check(open(path.c_str(), O_RDWR | O_CLOEXEC), "open");
}

// The child ends when this process has: it reads from a pipe whose other end only this process holds.
void make_child() {
  make_pipe();
  child = check(fork(), "fork");
  if (child != 0) return;
  close(fds[1]);
  char byte;
  [[maybe_unused]] const ssize_t got = read(fds[0], &byte, 1);
  std::_Exit(0);
}

void do_sleep() {
  sleep(kSeconds);
}
void do_usleep() {
  usleep(kSeconds * 1'000'000);
}
void do_nanosleep() {
  const timespec length{kSeconds, 0};
  nanosleep(&length, nullptr);
}
void do_clock_nanosleep() {
  const timespec length{kSeconds, 0};
  clock_nanosleep(CLOCK_MONOTONIC, 0, &length, nullptr);
}
void do_poll() {
  pollfd wanted{fds[0], POLLIN, 0};
  poll(&wanted, 1, kMilliseconds);
}
void do_select() {
  fd_set wanted;
  FD_ZERO(&wanted);
  FD_SET(fds[0], &wanted);
  timeval length{kSeconds, 0};
  select(fds[0] + 1, &wanted, nullptr, nullptr, &length);
}
void do_epoll_wait() {
  epoll_event events[8];
  epoll_wait(fds[0], events, 8, kMilliseconds);
}
void do_read() {
  char byte;
  [[maybe_unused]] const ssize_t got = read(fds[0], &byte, 1);
}
void do_write() {
  char block[8192] = {};
  [[maybe_unused]] const ssize_t put = write(fds[1], block, sizeof block);
}
void do_recv() {
  char byte;
  recv(fds[0], &byte, 1, 0);
}
void do_send() {
  char block[8192] = {};
  send(fds[1], block, sizeof block, 0);
}
void do_accept() {
  accept(fds[0], nullptr, nullptr);
}
void do_connect() {
  connect(fds[1], reinterpret_cast<sockaddr*>(&address), sizeof address);
}
void do_cond_wait() {
  pthread_mutex_lock(&condition_mutex);
  pthread_cond_wait(&condition, &condition_mutex);
}
void do_sem_wait() {
  sem_wait(&semaphore);
}
void do_futex() {
  syscall(SYS_futex, &futex_word, FUTEX_WAIT_PRIVATE, 0, nullptr, nullptr, 0);
}
void do_flock() {
  flock(fds[1], LOCK_EX);
}
void do_waitpid() {
  waitpid(child, nullptr, 0);
}
void do_fgets() {
  char line[80];
  if (std::fgets(line, sizeof line, stream) == nullptr) return;
}
void do_loop() {
  while (keep_running) work_counter = work_counter + 1;
}
void do_memcpy() {
  while (keep_running) {
    std::memcpy(copy_to.data(), copy_from.data(), copy_to.size());
    work_counter = copy_to[0];
  }
}
__attribute__((noinline)) int recurse(int depth) {
  if (depth == 0) {
    do_loop();
    return 0;
  }
  const int below = recurse(depth - 1);
  work_counter = below;  // keeps this from becoming a jump
  return below + 1;
}
void do_recursion() {
  recurse(200);
}
void do_library() {
  work_in_library(&work_counter);
}

const Blocker kBlockers[] = {
    {"sleep", nothing, do_sleep},
    {"usleep", nothing, do_usleep},
    {"nanosleep", nothing, do_nanosleep},
    {"clock_nanosleep", nothing, do_clock_nanosleep},
    {"poll", make_pipe, do_poll},
    {"select", make_pipe, do_select},
    {"epoll_wait", [] { fds[0] = check(epoll_create1(EPOLL_CLOEXEC), "epoll_create1"); }, do_epoll_wait},
    {"read", make_pipe, do_read},
    {"write_full_pipe",
     [] {
       make_pipe();
       fill(fds[1]);
     },
     do_write},
    {"recv", make_pair, do_recv},
    {"send_full_socket",
     [] {
       make_pair();
       fill(fds[1]);
     },
     do_send},
    {"accept", [] { make_listener(4); }, do_accept},
    {"connect", fill_backlog, do_connect},
    {"cond_wait", nothing, do_cond_wait},
    {"sem_wait", [] { check(sem_init(&semaphore, 0, 0), "sem_init"); }, do_sem_wait},
    {"futex", nothing, do_futex},
    {"flock", lock_file, do_flock},
    {"waitpid", make_child, do_waitpid},
    {"fgets",
     [] {
       make_pipe();
       stream = fdopen(fds[0], "r");
     },
     do_fgets},
    {"loop", nothing, do_loop},
    {"memcpy",
     [] {
       copy_from.resize(size_t{1} << 24);
       copy_to.resize(size_t{1} << 24);
     },
     do_memcpy},
    {"recursion200", nothing, do_recursion},
    {"stripped_lib", nothing, do_library},
};

// The work after each call keeps the compiler from making the call a jump, which would drop the caller's frame.
// Not `static`: the names must survive in every build.
}  // namespace

__attribute__((noinline)) void level3(const Blocker* blocker, size_t size) {
  char* variable = static_cast<char*>(alloca(size));
  std::memset(variable, 'x', size / 2);  // the rest keeps whatever calls before this one left there
  asm volatile("" : : "r"(variable) : "memory");
  blocker->block();
  work_counter = variable[size / 4];
}

__attribute__((noinline)) void level2(const Blocker* blocker, size_t size) {
  const std::lock_guard<std::mutex> lock(held_mutex);  // taken here
  [[maybe_unused]] const ssize_t put = write(STDOUT_FILENO, "blocking\n", 9);
  level3(blocker, size);
  work_counter = work_counter + 2;
}

__attribute__((noinline)) void descend(const Blocker* blocker, int depth) {
  if (depth == 0) {
    level2(blocker, 3000);
  } else {
    descend(blocker, depth - 1);
  }
  work_counter = work_counter + depth;
}

__attribute__((noinline)) void level1(const Blocker* blocker) {
  alignas(64) volatile char aligned[256];
  aligned[7] = 1;
  descend(blocker, 5);
  work_counter = aligned[7];
}

extern "C" __attribute__((noinline)) void* thread_main(void* blocker) {
  pthread_setname_np(pthread_self(), "blocked");
  level1(static_cast<const Blocker*>(blocker));
  work_counter = 0;
  return nullptr;
}

int main(int argc, char** argv) {
  if (argc == 2 && std::strcmp(argv[1], "--list") == 0) {
    for (const Blocker& blocker : kBlockers) std::puts(blocker.name);
    return 0;
  }
  for (const Blocker& blocker : kBlockers) {
    if (argc != 2 || std::strcmp(argv[1], blocker.name) != 0) continue;
    blocker.prepare();
    pthread_t thread;
    if (pthread_create(&thread, nullptr, thread_main, const_cast<Blocker*>(&blocker)) != 0) fail("pthread_create");
    char byte;
    while (read(STDIN_FILENO, &byte, 1) > 0) {
    }
    std::_Exit(0);
  }
  std::fprintf(stderr, "usage: %s --list | NAME, NAME being one of the list\n", argv[0]);
  return 2;
}
