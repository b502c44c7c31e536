// A holder that waits for something else than a lock: what for, and who can end it, where libc's objects or the kernel say so.
// With an argument, for tests/waits/grades.py: each of the locks is waited for, what the holders wait for is printed, and all stays.
// A second argument names a scene that is left out.
// RUN-ENV: HOLDWATCH_LIMIT=300ms HOLDWATCH_RATE=1000
// EXPECT-JSON: waits_so("condition", "condition", r"in a condition wait on \(anonymous namespace\)::condition")
// EXPECT-JSON: waits_so("condition_for", "condition", r"in a condition wait on \(anonymous namespace\)::condition, timeout in 14 min( \d+ s)?")
// EXPECT-JSON: waits_so("join", "join", r"waits for thread \d+ \"joined\" to exit", "joined")
// EXPECT-JSON: waits_so("timed_join", "join", r"waits for thread \d+ \"joined\" to exit, timeout in 14 min( \d+ s)?", "joined")
// EXPECT-JSON: waits_so("semaphore", "semaphore", r"waits for semaphore \(anonymous namespace\)::semaphore")
// EXPECT-JSON: waits_so("jumps_to_sem", "semaphore", r"waits for semaphore \(anonymous namespace\)::semaphore")
// EXPECT-JSON: waits_so("barrier", "barrier", r"waits at barrier \(anonymous namespace\)::barrier \(1 of 3 threads have arrived\)")
// EXPECT-JSON: waits_so("once", "once", r"waits for another thread's initializer, pthread_once \(anonymous namespace\)::once, likely run by \d+ \"first_once\"", "first_once")
// EXPECT-JSON: waits_so("call_once", "once", r"waits for another thread's initializer, pthread_once \(anonymous namespace\)::once_flag, likely run by \d+ \"first_call\"", "first_call")
// EXPECT-JSON: waits_so("static", "static", r"waits for the initializer of \(anonymous namespace\)::never_initialized\(\)::instance, likely run by \d+ \"first_static\"", "first_static")
// EXPECT-JSON: waits_so("atomic", "atomic", r"waits for a change of the atomic \(anonymous namespace\)::unaligned\+4")
// EXPECT-JSON: waits_so("latch", "atomic", r"waits for a change of the atomic \(anonymous namespace\)::unaligned\+8")
// EXPECT-JSON: waits_so("future", "atomic", r"waits for a change of (the atomic 0x\w+|an atomic variable)")
// EXPECT-JSON: waits_so("loader", "loader", r"waits for the loader's lock, held by \d+ \"loading\"", "loading")
// EXPECT-JSON: waits_so("futex", "futex", r"futex\(0x\w+\)")
// EXPECT-JSON: waits_so("file_lock", "file_lock", r"flock\(fd \d+ \S+, exclusive\), held by process \d+ \".+\"", anyone)
// EXPECT-JSON: waits_so("range_lock", "file_lock", r"fcntl\(fd \d+ \S+, F_SETLKW\), held by process \d+ \".+\"", anyone)
// EXPECT-JSON: waits_so("child", "child", r"wait4\(pid \d+\)", anyone)
// EXPECT-JSON: waits_so("pipe", "pipe", r"read\(fd \d+ pipe:\[\d+\]\), its other end is open in process \d+ \".+\"", anyone)
// EXPECT-JSON: waits_so("poll", "poll", r"poll\(.*")
// EXPECT-JSON: waits_so("poll_for", "poll", r"poll\(.*")
// EXPECT-JSON: waits_so("socket", "socket", r"recvfrom\(.*\), its other end is open in process \d+ \".+\"", anyone)
// EXPECT-JSON: waits_so("sleep", "sleep", r"clock_nanosleep\(.*")
#include <fcntl.h>
#include <link.h>
#include <linux/futex.h>
#include <poll.h>
#include <semaphore.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <atomic>
#include <cstdlib>
#include <future>
#include <latch>
#include <list>
#include <mutex>
#include <shared_mutex>
#include <vector>

#include "tests/programs/harness.h"
using namespace harness;

namespace {

constexpr auto kLong = std::chrono::seconds(900);

pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
sem_t semaphore;
pthread_barrier_t barrier;
pthread_once_t once = PTHREAD_ONCE_INIT;
std::once_flag once_flag;
// At no multiple of 64, where libstdc++'s pool is.
struct alignas(64) Unaligned {
  int before = 0;
  std::atomic<int> atomic{0};
  std::latch latch{1};
} unaligned;
std::atomic<int>& atomic = unaligned.atomic;
std::latch& latch = unaligned.latch;
std::promise<int> promise;
FILE* log_file;
int futex_word;
// A thread of this name holds a lock and waits.
struct Scene {
  const char* name;
  std::function<void()> wait;
  const void* object;  // what it waits for; null if that has no address, or none that the program knows
};

std::atomic<int> ready{0};  // of the threads that others wait for
std::mutex owned;
std::shared_mutex written, read_by_two;

[[noreturn]] void stay() {
  ++ready;
  while (true) pause();
}

struct NeverInitialized {
  NeverInitialized() { stay(); }
};
NeverInitialized& never_initialized() {
  static NeverInitialized instance;
  return instance;
}

timespec in_a_long_time() {
  timespec time{};
  clock_gettime(CLOCK_REALTIME, &time);
  time.tv_sec += kLong.count();
  return time;
}

void wait_for_condition(bool timed) {
  pthread_mutex_t own = PTHREAD_MUTEX_INITIALIZER;
  const timespec time = in_a_long_time();
  pthread_mutex_lock(&own);
  timed ? pthread_cond_timedwait(&condition, &own, &time) : pthread_cond_wait(&condition, &own);
}

void join(Thread& thread, bool timed) {
  const timespec time = in_a_long_time();
  timed ? pthread_timedjoin_np(thread.handle(), nullptr, &time) : pthread_join(thread.handle(), nullptr);
}

// A child that ends with this process, and does nothing but that.
template <typename Begin>
pid_t start_child(Begin begin) {
  const pid_t parent = getpid(), child = fork();
  if (child != 0) return child;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(0);  // it has ended already: no signal comes
  begin();
  while (true) pause();
}

bool is_reported_to_wait_for(const char* thread, const void* object) {
  char object_text[64];
  std::snprintf(object_text, sizeof object_text, "\"object\":\"%p\"", object);
  const std::string json = read_file(std::getenv("HOLDWATCH_JSON"));
  const size_t line = json.find(std::string("\"thread\":\"") + thread + '"');
  return json.substr(line, json.find('\n', line) - line).find(object_text) != std::string::npos;
}

void lock_again(const std::string& path, bool range) {
  const int first = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  struct flock whole {};
  whole.l_type = F_WRLCK;
  whole.l_whence = SEEK_SET;
  start_child([&] {
    const int own = open(path.c_str(), O_RDWR | O_CLOEXEC);
    range ? fcntl(own, F_SETLK, &whole) : flock(own, LOCK_EX);
    static_cast<void>(write(first, "x", 1));
  });
  struct stat file {};
  while (fstat(first, &file) == 0 && file.st_size == 0) usleep(1000);
  range ? fcntl(first, F_SETLKW, &whole) : flock(first, LOCK_EX);
}

// The loader calls back with its lock held, as it does for a constructor in dlopen.
void iterate_over_libraries(int (*visit)(dl_phdr_info*, size_t, void*)) {
  dl_iterate_phdr(visit, nullptr);
}
int stay_within(dl_phdr_info*, size_t, void*) {
  stay();
}

template <template <typename> class Guard, typename Lock>
[[noreturn]] void hold_forever(Lock& lock) {
  const Guard<Lock> guard(lock);
  stay();
}

void wait_for_child() {
  waitpid(start_child([] {}), nullptr, 0);
}

}  // namespace

int main(int count, char** words) {
  const bool stays = count > 1;
  const std::string left_out = count > 2 ? words[2] : "";
  if (stays) prctl(PR_SET_PDEATHSIG, SIGKILL);
  // Before there are other children, which would have the far ends too.
  int pipe_ends[2], socket_ends[2];
  CHECK(pipe(pipe_ends) == 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, socket_ends) == 0);
  start_child([&] { close(pipe_ends[0]), close(socket_ends[0]); });
  close(pipe_ends[1]), close(socket_ends[1]);
  sem_init(&semaphore, 0, 0);
  pthread_barrier_init(&barrier, nullptr, 3);
  log_file = fopen("/dev/null", "w");
  Thread joined("joined", [] {
    while (true) pause();
  });
  Thread logger("logger", [] {
    flockfile(log_file);
    stay();
  });
  Thread first_once("first_once", [] { pthread_once(&once, [] { stay(); }); });
  Thread first_call("first_call", [] { std::call_once(once_flag, stay); });
  Thread first_static("first_static", [] { never_initialized(); });
  Thread loading("loading", [&] { left_out == "loader" ? stay() : iterate_over_libraries(stay_within); });
  Thread owner("owner", [] { hold_forever<std::lock_guard>(owned); });
  Thread writing("writing", [] { hold_forever<std::lock_guard>(written); });
  Thread first_reader("first_reader", [] { hold_forever<std::shared_lock>(read_by_two); });
  Thread second_reader("second_reader", [] { hold_forever<std::shared_lock>(read_by_two); });
  while (ready < 9) usleep(1000);
  const std::string file = temporary_path("file"), ranges = temporary_path("ranges");
  std::vector<Scene> scenes = {
      {"condition", [] { wait_for_condition(false); }, &condition},
      {"condition_for", [] { wait_for_condition(true); }, &condition},
      {"join", [&] { join(joined, false); }, reinterpret_cast<const void*>(joined.handle())},
      {"timed_join", [&] { join(joined, true); }, reinterpret_cast<const void*>(joined.handle())},
      {"semaphore", [] { CHECK(sem_wait(&semaphore) == 0); }, &semaphore},
      // A tail call; and sem_wait may jump too, into a function without a name.
      {"jumps_to_sem", [] { sem_wait(&semaphore); }, &semaphore},
      {"barrier", [] { pthread_barrier_wait(&barrier); }, &barrier},
      {"once", [] { pthread_once(&once, [] {}); }, &once},
      {"call_once", [] { std::call_once(once_flag, [] {}); }, &once_flag},
      {"static", [] { never_initialized(); }, nullptr},
      {"atomic", [] { atomic.wait(0); }, &atomic},
      {"latch", [] { latch.wait(); }, &latch},
      {"future", [] { promise.get_future().wait(); }, nullptr},
      {"loader", [] { iterate_over_libraries([](dl_phdr_info*, size_t, void*) { return 1; }); }, nullptr},
      {"futex", [] { syscall(SYS_futex, &futex_word, FUTEX_WAIT_PRIVATE, 0, nullptr); }, &futex_word},
      {"file_lock", [&] { lock_again(file, false); }, nullptr},
      {"range_lock", [&] { lock_again(ranges, true); }, nullptr},
      {"child", wait_for_child, nullptr},
      {"pipe",
       [&] {
         char byte;
         read(pipe_ends[0], &byte, 1);
       },
       nullptr},
      {"socket",
       [&] {
         char byte;
         recv(socket_ends[0], &byte, 1, 0);
       },
       nullptr},
      {"poll", [] { poll(nullptr, 0, -1); }, nullptr},
      {"poll_for", [] { poll(nullptr, 0, std::chrono::milliseconds(kLong).count()); }, nullptr},
      {"sleep", [] { std::this_thread::sleep_for(kLong); }, nullptr},
  };
  // These are seen in a chain of locks.
  const std::vector<Scene> scenes_of_locks = {
      {"mutex", [] { const std::lock_guard wanted(owned); }, &owned},
      {"reader", [] { const std::shared_lock wanted(written); }, &written},
      {"writer", [] { const std::lock_guard wanted(read_by_two); }, &read_by_two},
      {"puts", [] { fputs("x", log_file); }, nullptr},
      {"flockfile", [] { flockfile(log_file); }, nullptr},
  };
  if (stays) scenes.insert(scenes.end(), scenes_of_locks.begin(), scenes_of_locks.end());
  std::erase_if(scenes, [&](const Scene& scene) { return scene.name == left_out; });
  std::list<std::mutex> locks;
  std::list<Thread> holders, waiters;
  for (const Scene& scene : scenes) {
    std::mutex& lock = locks.emplace_back();
    holders.emplace_back(scene.name, [&lock, &scene] {
      const std::lock_guard guard(lock);
      scene.wait();
    });
    if (!stays) continue;
    std::printf("%s %p\n", scene.name, scene.object);
    for (; lock.try_lock(); lock.unlock()) usleep(100);
    waiters.emplace_back("waiter", [&lock] { const std::lock_guard guard(lock); });
  }
  if (stays) {
    std::printf("ready %d\n", getpid());
    std::fflush(stdout);
    while (true) pause();
  }
  for (const Scene& scene : scenes) {
    await_report_of("over", scene.name, 1);
    if (is_watched() && scene.object != nullptr) CHECK(is_reported_to_wait_for(scene.name, scene.object));
  }
  std::fflush(stdout);
  _exit(0);
}
