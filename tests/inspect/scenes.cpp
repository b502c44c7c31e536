// Programs that hang, or do not, each in one way: what inspect.py looks at from outside.
// Usage: scenes NAME. Prints "ready PID" once every thread is where it will stay, or about to block there, and never ends
// by itself. Threads are ordered with barriers; their names and functions are what the test expects to read.
#include <pthread.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <functional>
#include <map>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <thread>

#include "tests/futex_sleep.h"
#include "tests/inspect/stage.h"
#include "tests/programs/pid_namespace.h"
#include "tests/shared_locks.h"

namespace {

using namespace stage;

void lock_in_turn(pthread_mutex_t* mine, pthread_mutex_t* other) {
  pthread_mutex_lock(mine);
  all_hold();
  pthread_mutex_lock(other);
  go_on();
}

// `count` threads in a circle, each with one of the mutexes.
void circle(int count, const pthread_mutexattr_t* attributes = nullptr) {
  static const char* const kNames[] = {"first", "second", "third", "fourth"};
  static pthread_mutex_t mutexes[4];
  for (int i = 0; i < count; ++i) pthread_mutex_init(&mutexes[i], attributes);
  pthread_barrier_init(&g_all_hold, nullptr, static_cast<unsigned>(count));
  for (int i = 0; i < count; ++i) start(kNames[i], [=] { lock_in_turn(&mutexes[i], &mutexes[(i + 1) % count]); });
}

pthread_mutexattr_t* attributes_of(int protocol, int robust) {
  static pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  pthread_mutexattr_setprotocol(&attributes, protocol);
  pthread_mutexattr_setrobust(&attributes, robust);
  return &attributes;
}

pthread_mutexattr_t* shared_attributes() {
  static pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
  return &attributes;
}

void self(const pthread_mutexattr_t* attributes) {
  static pthread_mutex_t mutex;
  pthread_mutex_init(&mutex, attributes);
  start("first", [] {
    pthread_mutex_lock(&mutex);
    pthread_mutex_lock(&mutex);
    go_on();
  });
}

std::shared_mutex g_members;
std::mutex g_log;

void read_then_log() {
  const std::shared_lock reading(g_members);
  all_hold();
  const std::lock_guard logging(g_log);
}

void log_then_write() {
  const std::lock_guard logging(g_log);
  all_hold();
  const std::unique_lock writing(g_members);
}

void writer_waits_for_reader() {
  pthread_barrier_init(&g_all_hold, nullptr, 2);
  start("reader", read_then_log);
  start("writer", log_then_write);
}

// The main thread has made the rwlock and has its address; the reader finds it in a global.
std::shared_mutex* g_room;

void read_room() {
  g_room->lock_shared();
  all_hold();
  pause();
  g_room->unlock_shared();
}

[[gnu::noinline]] void use(std::shared_mutex** room) {
  g_room = *room;
}

[[gnu::noinline]] void take_room() {
  g_room->lock_shared();
}

// One that waits for something else has the rwlock at hand, and reads nothing; the reader has no use for the address just now.
void waited_by_another() {
  static std::shared_mutex room;
  g_room = &room;
  pthread_barrier_init(&g_all_hold, nullptr, 2);
  start("reader", [] {
    take_room();
    all_hold();
    pause();
    g_room->unlock_shared();
  });
  all_hold();
  g_log.lock();
  start("bystander", [] {
    std::shared_mutex* at_hand = &room;
    use(&at_hand);
    g_log.lock();
    use(&at_hand);
  });
  start("writer", [] { const std::unique_lock writing(*g_room); });
}

// Nothing shows that the second one reads: its code does not go on to release the lock.
void reader_beside_hidden() {
  static std::shared_mutex room;
  g_room = &room;
  pthread_barrier_init(&g_all_hold, nullptr, 3);
  start("reader", read_room);
  start("hidden", [] {
    g_room->lock_shared();
    all_hold();
    for (;;) pause();
  });
  all_hold();
  start("writer", [] { const std::unique_lock writing(*g_room); });
}

// The holder of a mutex waits for the reader.
void holder_waits_for_reader() {
  static std::shared_mutex room;
  g_room = &room;
  pthread_barrier_init(&g_all_hold, nullptr, 2);
  start("reader", read_room);
  all_hold();
  start("relay", [] {
    const std::unique_lock logging(g_log);
    all_hold();
    const std::unique_lock writing(*g_room);
  });
  all_hold();
  start("outer", [] { const std::unique_lock logging(g_log); });
}

[[noreturn]] void made_by_main(bool joins) {
  std::shared_mutex* room = new std::shared_mutex;
  use(&room);
  pthread_barrier_init(&g_all_hold, nullptr, 2);
  start("reader", read_room);
  all_hold();
  start("writer", [] { const std::unique_lock writing(*g_room); });
  ready();
  if (joins) g_threads.front().join();
  for (;;) {
    pause();
    use(&room);
  }
}

void writers() {
  static std::shared_mutex first, second;
  pthread_barrier_init(&g_all_hold, nullptr, 2);
  start("first", [] {
    const std::unique_lock mine(first);
    all_hold();
    const std::unique_lock other(second);
  });
  start("second", [] {
    const std::unique_lock mine(second);
    all_hold();
    const std::shared_lock other(first);
  });
}

void abandoned(const pthread_mutexattr_t* attributes) {
  static pthread_mutex_t mutex;
  pthread_mutex_init(&mutex, attributes);
  std::thread([] { pthread_mutex_lock(&mutex); }).join();
  start("waiter", [] {
    pthread_mutex_lock(&mutex);
    go_on();
  });
}

// The owner exits while another thread waits, and a thread gets its id that begins later. Ids are not reused so soon: the mutex is
// given that of the later one.
void younger_owner() {
  static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  constexpr int kContended = 2;
  constexpr useconds_t kLonger = 300'000;
  std::thread([] { pthread_mutex_lock(&mutex); }).join();
  start("waiter", [] {
    pthread_mutex_lock(&mutex);
    go_on();
  });
  while (__atomic_load_n(&mutex.__data.__lock, __ATOMIC_RELAXED) != kContended) usleep(1000);
  usleep(kLonger);
  start("young", [] {
    mutex.__data.__owner = gettid();
    stay();
  });
}

// The lock is unlocked by one who does not hold it; with a reader after the writer, its count is zero.
void miscounted(bool is_read) {
  static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
  pthread_rwlock_unlock(&rwlock);
  start("writer", [] {
    pthread_rwlock_wrlock(&rwlock);
    go_on();
  });
  constexpr unsigned kWriterSleeps = 2;
  while (__atomic_load_n(&rwlock.__data.__wrphase_futex, __ATOMIC_RELAXED) != kWriterSleeps) usleep(1000);
  if (is_read) pthread_rwlock_rdlock(&rwlock);
}

// A mutex that a thread waits for is freed without an unlock, or is written over.
void freed_by_a_store(int word) {
  static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  pthread_mutex_lock(&mutex);
  start("waiter", [] {
    pthread_mutex_lock(&mutex);
    go_on();
  });
  await_sleep_on(&mutex);
  mutex.__data.__owner = 0;
  __atomic_store_n(&mutex.__data.__lock, word, __ATOMIC_RELEASE);
}

// The same, while another thread may be about to wake the waiter: it runs, or is in a signal handler.
void freed_while_running() {
  freed_by_a_store(0);
  start("runner", [] {
    while (true) asm volatile("");
  });
}
void freed_in_handler() {
  freed_by_a_store(0);
  signal(SIGUSR1, [](int) { pause(); });
  start("handler", [] { raise(SIGUSR1); });
}

// Something writes over the whole mutex, the owner's id too.
void overwritten_whole() {
  static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  pthread_mutex_lock(&mutex);
  start("waiter", [] {
    pthread_mutex_lock(&mutex);
    go_on();
  });
  await_sleep_on(&mutex);
  memset(static_cast<void*>(&mutex), 0xff, sizeof mutex);
}

// The child has the mutex as another thread of its parent had taken it.
void orphan() {
  static std::mutex mutex;
  pthread_barrier_init(&g_all_hold, nullptr, 2);
  start("holder", [] {
    const std::lock_guard holding(mutex);
    all_hold();
    stay();
  });
  all_hold();
  const pid_t child = fork();
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    mutex.lock();
  }
  ready(child);
  stay();
}

void shared_between_processes() {
  pthread_mutex_t* const mutex = &shared_locks::map_shared_lock<pthread_mutex_t>();
  pthread_mutex_lock(mutex);
  const pid_t child = fork();
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    pthread_mutex_lock(mutex);
  }
  ready(child);
  stay();
}

// The process that held it has ended.
void left_by_other_process() {
  pthread_mutex_t* const mutex = &shared_locks::map_shared_lock<pthread_mutex_t>();
  const pid_t child = fork();
  if (child == 0) {
    pthread_mutex_lock(mutex);
    _exit(0);
  }
  waitpid(child, nullptr, 0);
  start("waiter", [mutex] {
    pthread_mutex_lock(mutex);
    go_on();
  });
}

// A thread of this process and its child have one mutex each and want the other's; the child maps them at another address.
void circle_of_processes() {
  constexpr size_t kSize = 4096;
  void* const shared = mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  auto* mutexes = static_cast<pthread_mutex_t*>(shared);
  for (int i = 0; i < 2; ++i) shared_locks::init(mutexes[i]);
  pthread_mutex_lock(&mutexes[0]);
  int has[2];
  if (pipe(has) != 0) return;
  const pid_t child = fork();
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    auto* theirs = static_cast<pthread_mutex_t*>(
        mremap(shared, kSize, kSize, MREMAP_MAYMOVE | MREMAP_FIXED, static_cast<char*>(shared) - (uintptr_t{1} << 30)));
    pthread_mutex_lock(&theirs[1]);
    if (write(has[1], "", 1) == 1) pthread_mutex_lock(&theirs[0]);
  }
  char byte;
  if (read(has[0], &byte, 1) != 1) return;
  ready(child);
  pthread_mutex_lock(&mutexes[1]);
}

// A waiter, and the thread of another pid namespace that has the lock: with the id that the waiter has, or another one.
void held_in_container(bool has_equal_id) {
  static pthread_mutex_t& mutex = shared_locks::map_shared_lock<pthread_mutex_t>();
  static auto& is_held = shared_locks::map_shared<std::atomic<bool>>();
  static std::atomic<pid_t> waiter;
  start("waiter", [] {
    waiter = static_cast<pid_t>(syscall(SYS_gettid));
    while (!is_held) usleep(1000);
    pthread_mutex_lock(&mutex);
    go_on();
  });
  while (waiter == 0) usleep(1000);
  const harness::Container container(has_equal_id ? waiter.load() : 200, [] {
    prctl(PR_SET_NAME, "keeper");
    pthread_mutex_lock(&mutex);
    is_held = true;
    stay();
  });
  while (!is_held) usleep(1000);
  ready();
  stay();
}

// One that holds a lock and sleeps, one that waits for it with a lock of its own, and two that wait for that.
void chain() {
  static std::mutex root, middle;
  pthread_barrier_init(&g_all_hold, nullptr, 3);
  start("root", [] {
    const std::lock_guard holding(root);
    all_hold();
    stay();
  });
  start("middle", [] {
    const std::lock_guard holding(middle);
    all_hold();
    const std::lock_guard waiting(root);
  });
  all_hold();
  for (const char* name : {"leaf", "leaf"}) start(name, [] { const std::lock_guard waiting(middle); });
}

// Two in a deadlock, one that waits for a lock of theirs and holds another, and one that waits for that.
void chain_behind_deadlock() {
  static pthread_mutex_t mutexes[2];
  static std::mutex middle;
  for (pthread_mutex_t& mutex : mutexes) pthread_mutex_init(&mutex, nullptr);
  pthread_barrier_init(&g_all_hold, nullptr, 4);
  for (int i = 0; i < 2; ++i) start(i == 0 ? "first" : "second", [=] { lock_in_turn(&mutexes[i], &mutexes[1 - i]); });
  start("middle", [] {
    const std::lock_guard holding(middle);
    all_hold();
    pthread_mutex_lock(&mutexes[0]);
  });
  all_hold();
  start("leaf", [] { const std::lock_guard waiting(middle); });
}

// One that sleeps with a lock that another wants.
void sleeper() {
  static std::mutex mutex;
  pthread_barrier_init(&g_all_hold, nullptr, 2);
  start("sleeper", [] {
    const std::lock_guard holding(mutex);
    all_hold();
    for (;;) sleep(3600);
  });
  all_hold();
  start("waiter", [] { const std::lock_guard waiting(mutex); });
}

[[gnu::noinline]] void spin() {
  for (;;) go_on();
}

void holder_runs() {
  static std::mutex mutex;
  pthread_barrier_init(&g_all_hold, nullptr, 2);
  start("runner", [] {
    const std::lock_guard holding(mutex);
    all_hold();
    spin();
  });
  all_hold();
  start("waiter", [] { const std::lock_guard waiting(mutex); });
}

void timed() {
  static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  pthread_mutex_lock(&mutex);
  start("waiter", [] {
    timespec end{};
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += 3600;
    pthread_mutex_timedlock(&mutex, &end);
    go_on();
  });
}

// Two that back off when their time is up: a circle for a while, but no deadlock.
void timed_circle() {
  static std::timed_mutex first;
  static std::mutex second;
  pthread_barrier_init(&g_all_hold, nullptr, 2);
  start("patient", [] {
    const std::lock_guard mine(first);
    all_hold();
    const std::lock_guard other(second);
  });
  start("impatient", [] {
    const std::lock_guard mine(second);
    all_hold();
    static_cast<void>(first.try_lock_for(std::chrono::hours(1)));
    go_on();
  });
}

// The main thread has left, and its memory cannot be asked for under its id any more.
void main_leaves() {
  circle(2);
  ready();
  pthread_exit(nullptr);
}

const std::map<std::string, std::function<void()>> kScenes = {
    {"two", [] { circle(2); }},
    {"three", [] { circle(3); }},
    {"robust", [] { circle(2, attributes_of(PTHREAD_PRIO_NONE, PTHREAD_MUTEX_ROBUST)); }},
    {"inheriting", [] { circle(2, attributes_of(PTHREAD_PRIO_INHERIT, PTHREAD_MUTEX_STALLED)); }},
    {"two_shared", [] { circle(2, shared_attributes()); }},
    {"self", [] { self(nullptr); }},
    {"self_inheriting", [] { self(attributes_of(PTHREAD_PRIO_INHERIT, PTHREAD_MUTEX_STALLED)); }},
    {"writer_waits_for_reader", writer_waits_for_reader},
    {"holder_waits_for_reader", holder_waits_for_reader},
    {"writers", writers},
    {"made_by_main", [] { made_by_main(false); }},
    {"reader_beside_hidden", reader_beside_hidden},
    {"joined_by_main", [] { made_by_main(true); }},
    {"waited_by_another", waited_by_another},
    {"abandoned", [] { abandoned(nullptr); }},
    {"abandoned_inheriting", [] { abandoned(attributes_of(PTHREAD_PRIO_INHERIT, PTHREAD_MUTEX_STALLED)); }},
    {"younger_owner", younger_owner},
    {"miscounted", [] { miscounted(false); }},
    {"miscounted_read", [] { miscounted(true); }},
    {"lost_wakeup", [] { freed_by_a_store(0); }},
    {"overwritten", [] { freed_by_a_store(0x656d616e); }},
    {"overwritten_whole", overwritten_whole},
    {"freed_while_running", freed_while_running},
    {"freed_in_handler", freed_in_handler},
    {"orphan", orphan},
    {"before_fork", before_fork},
    {"before_daemon", before_daemon},
    {"shared", shared_between_processes},
    {"left_by_other_process", left_by_other_process},
    {"processes", circle_of_processes},
    {"equal_ids", [] { held_in_container(true); }},
    {"other_namespace", [] { held_in_container(false); }},
    {"chain", chain},
    {"chain_behind_deadlock", chain_behind_deadlock},
    {"sleeper", sleeper},
    {"holder_runs", holder_runs},
    {"holder_sends", holder_sends},
    {"timed", timed},
    {"timed_circle", timed_circle},
    {"main_leaves", main_leaves},
    {"join_cycle", join_cycle},
    {"join_chain", join_chain},
    {"stream", stream},
    {"join_and_stream", join_and_stream},
    {"stream_left", stream_left},
    {"signals_ahead", signals_ahead},
    {"posts_ahead", posts_ahead},
    {"once_cycle", once_cycle},
    {"static_cycle", static_cycle},
    {"two_statics", two_statics},
    {"initializer_works", initializer_works},
    {"joins_only", joins_only},
    {"own_lock", own_lock},
    {"loader", loader},
    {"two_files", two_files},
    {"two_kinds_of_file_locks", two_kinds_of_file_locks},
    {"two_files_and_alarm", two_files_and_alarm},
    {"file_and_mutex", file_and_mutex},
    {"file_of_two_readers", file_of_two_readers},
    {"child_wants_file", child_wants_file},
    {"file_locked_twice", file_locked_twice},
    {"file_of_a_thread", [] { file_of_a_thread(true, false); }},
    {"file_of_some_thread", [] { file_of_a_thread(false, false); }},
    {"file_of_a_thread_timed", [] { file_of_a_thread(true, true); }},
    {"idle", idle},
    {"pool", pool},
    {"storm", storm},
    {"crowd", [] { crowd(1000); }},
    {"great_crowd", [] { crowd(10000); }},
};

}  // namespace

int main(int count, char** words) {
  const auto scene = count == 2 ? kScenes.find(words[1]) : kScenes.end();
  if (scene == kScenes.end()) return 2;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  scene->second();
  ready();
  stay();
}
