// A process that is stuck before anybody looks ("ready"), or that seems to be, in one way per argument. Its main thread does
// nothing in any of them, in a call that the kernel restarts: so that it is the one that a command uses. Ends when it is killed.
#include <poll.h>
#include <sys/sem.h>
#include <sys/socket.h>

#include <condition_variable>
#include <cstring>
#include <iostream>
#include <mutex>
#include <shared_mutex>
#include <string>

#include "tests/programs/harness.h"
using namespace harness;

namespace {

pthread_mutex_t one = PTHREAD_MUTEX_INITIALIZER, two = PTHREAD_MUTEX_INITIALIZER, three = PTHREAD_MUTEX_INITIALIZER;
Event never;

// A thread that is never joined and never freed. Returns once it is where it stays.
template <typename Object, typename Work>
void start_blocked_on(const Object& object, const char* name, Work work) {
  (new Thread(name, work))->wait_until_blocked_on(object);
}
template <typename Work>
void start_reading(const char* name, Work work) {
  (new Thread(name, [=] {
    work();
    never.wait();
  }))->wait_until_blocked_in(SYS_read);
}

auto lock(pthread_mutex_t& mutex) {
  return [&mutex] { pthread_mutex_lock(&mutex); };
}
auto lock_both(pthread_mutex_t& mutex, pthread_mutex_t& wanted) {
  return [&mutex, &wanted] {
    pthread_mutex_lock(&mutex);
    pthread_mutex_lock(&wanted);
  };
}

void owner_reads() {
  start_reading("owner", lock(one));
  start_blocked_on(one, "waiter", lock(one));
}

void main_owns() {
  pthread_mutex_lock(&one);
  start_blocked_on(one, "waiter", lock(one));
}

void three_levels() {
  start_reading("owner", lock(one));
  start_blocked_on(one, "relay", lock_both(two, one));
  start_blocked_on(two, "outer", lock_both(three, two));
  start_blocked_on(three, "outermost", lock(three));
}

void behind_readers() {
  static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
  start_reading("reader", [] {
    pthread_rwlock_rdlock(&rwlock);
    never.wait();
    pthread_rwlock_unlock(&rwlock);
  });
  start_blocked_on(rwlock, "writer", [] {
    pthread_mutex_lock(&one);
    pthread_rwlock_wrlock(&rwlock);
  });
  start_blocked_on(one, "outer", lock_both(two, one));
  start_blocked_on(two, "outermost", lock(two));
}

// More holds than are examined at once, and the one that explains them last.
void wide_tree() {
  constexpr size_t kRelays = 100;
  static pthread_mutex_t own[kRelays];
  static std::atomic<size_t> ready{0};
  static Event go;
  for (pthread_mutex_t& mutex : own) {
    pthread_mutex_init(&mutex, nullptr);
    new Thread("relay", [&mutex] {
      pthread_mutex_lock(&mutex);
      ++ready;
      go.wait();
      pthread_mutex_lock(&one);
    });
  }
  while (ready < kRelays) pause_briefly();
  start_reading("owner", lock(one));
  go.fire();
  for (pthread_mutex_t& mutex : own) start_blocked_on(mutex, "outer", lock(mutex));
  start_blocked_on(one, "last", lock(one));
}

void circle() {
  static std::atomic<int> ready{0};
  const auto join_circle = [](pthread_mutex_t& mutex, pthread_mutex_t& wanted) {
    return [&mutex, &wanted] {
      pthread_mutex_lock(&mutex);
      ++ready;
      while (ready < 2) pause_briefly();
      pthread_mutex_lock(&wanted);
    };
  };
  auto* const first = new Thread("first", join_circle(one, two));
  auto* const second = new Thread("second", join_circle(two, one));
  first->wait_until_blocked_on(two);
  second->wait_until_blocked_on(one);
}

void stream() {
  static FILE* const file = std::fopen("/dev/null", "w");
  start_reading("owner", [] { flockfile(file); });
  (new Thread("waiter", [] { std::fputs("text", file); }))->wait_until_blocked_in(SYS_futex);
}

// Its owner has exited, and has not been joined.
void stream_left() {
  static FILE* const file = std::fopen("/dev/null", "w");
  auto* owner = new Thread("owner", [] { flockfile(file); });
  const pid_t tid = owner->tid();
  while (syscall(SYS_tgkill, getpid(), tid, 0) == 0) pause_briefly();
  (new Thread("waiter", [] { std::fputs("text", file); }))->wait_until_blocked_in(SYS_futex);
}

// Nothing shows how long its owner, which runs, has had the mutex; the one who waits has slept all the time.
void runs_with_it() {
  static Event has_it;
  new Thread("owner", [] {
    pthread_mutex_lock(&one);
    has_it.fire();
    while (true) asm volatile("");
  });
  has_it.wait();
  start_blocked_on(one, "waiter", lock(one));
}

void join_under_lock() {
  static Thread slow("slow", [] { never.wait(); });
  slow.wait_until_blocked_in(SYS_read);
  (new Thread("owner", [] {
    pthread_mutex_lock(&one);
    slow.join();
  }))->wait_until_blocked_in(SYS_futex);
  start_blocked_on(one, "waiter", lock(one));
}

void writer_holds() {
  static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
  start_reading("owner", [] { pthread_rwlock_wrlock(&rwlock); });
  start_blocked_on(rwlock, "reader", [] { pthread_rwlock_rdlock(&rwlock); });
  start_blocked_on(rwlock, "writer", [] { pthread_rwlock_wrlock(&rwlock); });
}

// Readers that come after the writer sleep on the lock's first word.
void writers_first() {
  static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP;
  start_reading("reader", [] { pthread_rwlock_rdlock(&rwlock); });
  start_blocked_on(rwlock, "writer", [] { pthread_rwlock_wrlock(&rwlock); });
  start_blocked_on(rwlock, "behind", [] { pthread_rwlock_rdlock(&rwlock); });
  std::cout << &rwlock << std::endl;
}

// What its user waits for is a member of it, and ends by its methods.
struct Resource {
  std::mutex own;
  std::condition_variable is_free, is_closed;

  OWN_FRAME void take() {
    std::unique_lock guard(own);
    is_free.wait(guard);
  }
  OWN_FRAME void drop() { is_free.notify_one(); }
  OWN_FRAME void close() { is_closed.notify_one(); }
};

std::mutex users;

template <void (Resource::*kMethod)()>
OWN_FRAME void call_under_lock(Resource& resource) {
  const std::lock_guard guard(users);
  (resource.*kMethod)();
}

void signals_ahead() {
  static Resource* const resource = new Resource;
  (new Thread("callback", [] {
    call_under_lock<&Resource::take>(*resource);
  }))->wait_until_blocked_on(resource->is_free);
  start_blocked_on(users, "script", [] { call_under_lock<&Resource::drop>(*resource); });
  start_blocked_on(users, "other", [] { call_under_lock<&Resource::close>(*resource); });
}

void known_reader() {
  static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
  start_reading("reader", [] {
    pthread_rwlock_rdlock(&rwlock);
    never.wait();
    pthread_rwlock_unlock(&rwlock);
  });
  start_blocked_on(rwlock, "writer", [] { pthread_rwlock_wrlock(&rwlock); });
}

std::shared_mutex shared;

void start_guarded_reader(const char* name) {
  (new Thread(name, [] {
    const std::shared_lock guard(shared);
    never.wait();
  }))->wait_until_blocked_in(SYS_read);
}

void guarded_readers() {
  start_guarded_reader("reader");
  start_guarded_reader("other");
  start_blocked_on(shared, "writer", [] { const std::unique_lock guard(shared); });
}

// Of the two readers, one is in a function that does not go on to release the lock.
void half_known_readers() {
  start_guarded_reader("reader");
  start_reading("hidden", [] { pthread_rwlock_rdlock(static_cast<pthread_rwlock_t*>(shared.native_handle())); });
  start_blocked_on(shared, "writer", [] { const std::unique_lock guard(shared); });
}

// It may throw, as far as the compiler sees, and so its call has a landing pad, unlike semop's.
volatile bool fails = false;
OWN_FRAME void note_end() {
  if (fails) throw 1;
}

// Where the object is stands in a register that the call does not save. What the call gets shows it: the address of a member, or
// one that is in a member.
struct Room {
  std::shared_mutex lock;
  sembuf take{0, -1, 0};
  sembuf* taken = &take;
  char letters[8];
  int set = semget(IPC_PRIVATE, 1, 0600);
  int ends[2];

  OWN_FRAME void take_member() {
    const std::shared_lock guard(lock);
    semop(set, &take, 1);
    note_end();
  }
  OWN_FRAME void take_through_pointer() {
    const std::shared_lock guard(lock);
    semop(set, taken, 1);
    note_end();
  }
  OWN_FRAME void receive() {
    const std::shared_lock guard(lock);
    recv(ends[0], letters, sizeof letters, 0);
  }
};

// The set outlives processes; a child removes it after this one.
void remove_afterwards(int set) {
  int alive[2];
  CHECK(pipe(alive) == 0);
  const pid_t child = fork();
  CHECK(child >= 0);
  if (child != 0) return;
  close(alive[1]);
  char byte;
  while (read(alive[0], &byte, 1) < 0) CHECK(errno == EINTR);
  semctl(set, 0, IPC_RMID);
  _exit(0);
}

template <void (Room::*kMethod)(), long kCall>
void read_in_room() {
  static Room* const room = new Room;
  CHECK(room->set >= 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, room->ends) == 0);
  remove_afterwards(room->set);
  (new Thread("reader", [] { (room->*kMethod)(); }))->wait_until_blocked_in(kCall);
  start_blocked_on(room->lock, "writer", [] { const std::unique_lock guard(room->lock); });
}

// The reader that a writer waits for leaves once it is said so; from then on two others take turns, so that the writer never gets it.
void readers_in_turn() {
  static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
  static Event go;
  static std::atomic<int> turns{0};
  (new Thread("first", [] {
    pthread_rwlock_rdlock(&rwlock);
    go.wait();
    while (turns < 1) pause_briefly();
    pthread_rwlock_unlock(&rwlock);
  }))->wait_until_blocked_in(SYS_read);
  start_blocked_on(rwlock, "writer", [] { pthread_rwlock_wrlock(&rwlock); });
  std::cout << "begun" << std::endl;
  std::string line;
  std::getline(std::cin, line);
  go.fire();
  for (const int odd : {0, 1}) {
    new Thread("turn", [odd] {
      for (int turn = odd;; turn += 2) {
        while (turns < turn) pause_briefly();
        pthread_rwlock_rdlock(&rwlock);
        ++turns;
        while (turns < turn + 2) pause_briefly();
        pthread_rwlock_unlock(&rwlock);
      }
    });
  }
  while (turns < 4) pause_briefly();
  std::cout << "in turn" << std::endl;
}

// --- not stuck ---

void idle_pool() {
  static std::mutex mutex;
  static std::condition_variable work;
  for (int i = 0; i < 8; ++i) {
    (new Thread("idle", [] {
      std::unique_lock guard(mutex);
      work.wait(guard, [] { return false; });
    }))->wait_until_blocked_in(SYS_futex);
  }
}

void held_without_waiters() {
  start_reading("owner", lock(one));
}

// Each thread has the lock for a moment, one after the other in the order in which they came: the last ones wait for long, and
// none holds it for long.
void handed_on() {
  constexpr int kThreads = 60;
  static std::atomic<int> begun{0};
  static Event go;
  static Thread first("first", [] {
    pthread_mutex_lock(&one);
    go.wait();
    pthread_mutex_unlock(&one);
  });
  first.wait_until_blocked_in(SYS_read);
  for (int i = 0; i < kThreads; ++i) {
    start_blocked_on(one, "turn", [] {
      pthread_mutex_lock(&one);
      std::this_thread::sleep_for(100ms);
      if (++begun == 30) std::cout << "half" << std::endl;
      pthread_mutex_unlock(&one);
    });
  }
  go.fire();
}

void busy() {
  const unsigned threads = 4 * std::thread::hardware_concurrency();
  for (unsigned i = 0; i < threads; ++i) {
    new Thread("busy", [] {
      for (;;) {
        pthread_mutex_lock(&one);
        for (int k = 0; k < 1000; ++k) asm volatile("" ::: "memory");
        pthread_mutex_unlock(&one);
      }
    });
  }
}

}  // namespace

int main(int, char** arguments) {
  const struct {
    const char* name;
    void (*begin)();
  } kWays[] = {{"owner_reads", owner_reads},
               {"main_owns", main_owns},
               {"three_levels", three_levels},
               {"behind_readers", behind_readers},
               {"wide_tree", wide_tree},
               {"circle", circle},
               {"stream", stream},
               {"stream_left", stream_left},
               {"runs_with_it", runs_with_it},
               {"join_under_lock", join_under_lock},
               {"writer_holds", writer_holds},
               {"writers_first", writers_first},
               {"signals_ahead", signals_ahead},
               {"known_reader", known_reader},
               {"guarded_readers", guarded_readers},
               {"half_known_readers", half_known_readers},
               {"reader_in_semop", read_in_room<&Room::take_member, SYS_semtimedop>},
               {"reader_through_pointer", read_in_room<&Room::take_through_pointer, SYS_semtimedop>},
               {"reader_in_recv", read_in_room<&Room::receive, SYS_recvfrom>},
               {"readers_in_turn", readers_in_turn},
               {"idle_pool", idle_pool},
               {"held_without_waiters", held_without_waiters},
               {"handed_on", handed_on},
               {"busy", busy}};
  std::cout << "ready" << std::endl;
  for (const auto& way : kWays)
    if (std::strcmp(way.name, arguments[1]) == 0) way.begin();
  std::cout << "begun" << std::endl;
  for (;;) poll(nullptr, 0, -1);
}
