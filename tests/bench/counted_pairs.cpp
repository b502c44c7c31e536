// Does each kind of lock call, and of call that ends others' waits, so often, in a function of its own: counted_pairs COUNT [KIND]. No timing: valgrind's callgrind
// counts the instructions inside of that function, and the difference between two counts is what the pairs took. Each kind
// is done three times: COUNT times until everything is learnt that there is to learn, COUNT times, and 2 COUNT times.
// A second thread is alive, but for the kind "alone": see company.h. Without arguments it prints the kinds.
#include <linux/futex.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/syscall.h>
#include <threads.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <mutex>

#include "callers.h"
#include "company.h"

namespace {

pthread_mutex_t g_mutex = PTHREAD_MUTEX_INITIALIZER;
pthread_mutex_t g_recursive = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
pthread_mutex_t g_many[64];
pthread_rwlock_t g_rwlock = PTHREAD_RWLOCK_INITIALIZER;
mtx_t g_mtx;
std::mutex g_std_mutex;
pthread_cond_t g_condition = PTHREAD_COND_INITIALIZER;
cnd_t g_cnd;
sem_t g_semaphore;
int g_word = 0;
constexpr timespec kLongAgo{0, 0};  // a free lock is taken all the same

// Without it the unlock would be a jump, from a frame that is gone: only the kinds named after that are to be so.
void end_of_frame() {
  asm volatile("" ::: "memory");
}

void mutex_pair(pthread_mutex_t& mutex) {
  pthread_mutex_lock(&mutex);
  pthread_mutex_unlock(&mutex);
  end_of_frame();
}

void mutex() {
  mutex_pair(g_mutex);
}
void jump() {
  pthread_mutex_lock(&g_mutex);
  pthread_mutex_unlock(&g_mutex);
}
void trylock() {
  pthread_mutex_trylock(&g_mutex);
  pthread_mutex_unlock(&g_mutex);
  end_of_frame();
}
void timedlock() {
  pthread_mutex_timedlock(&g_mutex, &kLongAgo);
  pthread_mutex_unlock(&g_mutex);
  end_of_frame();
}
void recursive() {
  mutex_pair(g_recursive);
}
void recursive_again() {
  mutex_pair(g_recursive);
}
void c11() {
  mtx_lock(&g_mtx);
  mtx_unlock(&g_mtx);
  end_of_frame();
}
void read_lock() {
  pthread_rwlock_rdlock(&g_rwlock);
  pthread_rwlock_unlock(&g_rwlock);
  end_of_frame();
}
void write_lock() {
  pthread_rwlock_wrlock(&g_rwlock);
  pthread_rwlock_unlock(&g_rwlock);
  end_of_frame();
}
void try_read_lock() {
  pthread_rwlock_tryrdlock(&g_rwlock);
  pthread_rwlock_unlock(&g_rwlock);
  end_of_frame();
}
void try_write_lock() {
  pthread_rwlock_trywrlock(&g_rwlock);
  pthread_rwlock_unlock(&g_rwlock);
  end_of_frame();
}
void nested_4_jump() {
  for (int i = 0; i < 4; ++i) pthread_mutex_lock(&g_many[i]);
  for (int i = 3; i >= 0; --i) pthread_mutex_unlock(&g_many[i]);
}
void nested_4() {
  for (int i = 0; i < 4; ++i) pthread_mutex_lock(&g_many[i]);
  for (int i = 3; i >= 0; --i) pthread_mutex_unlock(&g_many[i]);
  end_of_frame();
}
// Guards give up in the reverse order; locks along a list are given up in the order in which they were taken.
void hand_over_hand() {
  pthread_mutex_lock(&g_many[0]);
  pthread_mutex_lock(&g_many[1]);
  pthread_mutex_unlock(&g_many[0]);
  pthread_mutex_unlock(&g_many[1]);
  end_of_frame();
}
void stream() {
  flockfile(stdout);
  funlockfile(stdout);
  end_of_frame();
}
void try_stream() {
  static_cast<void>(ftrylockfile(stdout));
  funlockfile(stdout);
  end_of_frame();
}
void held_64() {
  mutex_pair(g_mutex);
}
void guarded_O0() {
  guarded_pair_O0(g_std_mutex);
}
void guarded_O2() {
  guarded_pair_O2(g_std_mutex);
}
void guarded_O2_frame_pointers() {
  guarded_pair_O2_frame_pointers(g_std_mutex);
}

// No pairs, and nobody waits.
void signal_condition() {
  pthread_cond_signal(&g_condition);
  end_of_frame();
}
void broadcast_condition() {
  pthread_cond_broadcast(&g_condition);
  end_of_frame();
}
void c11_signal() {
  cnd_signal(&g_cnd);
  end_of_frame();
}
void post() {
  sem_post(&g_semaphore);
  end_of_frame();
}
void wake() {
  syscall(SYS_futex, &g_word, FUTEX_WAKE_PRIVATE, 1);
  end_of_frame();
}

void nothing() {}
void hold_mutex() {
  pthread_mutex_lock(&g_mutex);
}
void release_mutex() {
  pthread_mutex_unlock(&g_mutex);
}
void hold_recursive() {
  pthread_mutex_lock(&g_recursive);
}
void release_recursive() {
  pthread_mutex_unlock(&g_recursive);
}
void hold_64() {
  for (auto& one : g_many) pthread_mutex_lock(&one);
}
void release_64() {
  for (auto& one : g_many) pthread_mutex_unlock(&one);
}

struct Kind {
  const char* name;
  void (*pair)();
  void (*before)() = &nothing;
  void (*after)() = &nothing;
};

constexpr Kind kKinds[] = {
    {"alone", &mutex},  // first: no other comes before a thread is made
    {"mutex", &mutex},
    {"jump", &jump},
    {"trylock", &trylock},
    {"timedlock", &timedlock},
    {"recursive", &recursive},
    {"recursive_again", &recursive_again, &hold_recursive, &release_recursive},
    {"c11", &c11},
    {"read_lock", &read_lock},
    {"write_lock", &write_lock},
    {"try_read_lock", &try_read_lock},
    {"try_write_lock", &try_write_lock},
    {"stream", &stream},
    {"try_stream", &try_stream},
    {"nested_4", &nested_4},
    {"nested_4_jump", &nested_4_jump},
    {"hand_over_hand", &hand_over_hand},
    {"read_lock_over_mutex", &read_lock, &hold_mutex, &release_mutex},
    {"held_64", &held_64, &hold_64, &release_64},
    {"guarded_O0", &guarded_O0},
    {"guarded_O2", &guarded_O2},
    {"guarded_O2_frame_pointers", &guarded_O2_frame_pointers},
    {"signal", &signal_condition},
    {"broadcast", &broadcast_condition},
    {"c11_signal", &c11_signal},
    {"post", &post},
    {"wake", &wake},
};

}  // namespace

// Its name is callgrind's --toggle-collect and --dump-after.
extern "C" [[gnu::noinline]] void counted_pairs(void (*pair)(), long count) {
  for (long i = 0; i < count; ++i) pair();
  end_of_frame();
}

int main(int argc, char** argv) {
  for (auto& one : g_many) one = PTHREAD_MUTEX_INITIALIZER;
  mtx_init(&g_mtx, mtx_plain);
  cnd_init(&g_cnd);
  sem_init(&g_semaphore, 0, 0);
  for (const Kind& kind : kKinds) {
    if (argc < 2) std::puts(kind.name);
    if (argc < 2 || (argc > 2 && std::strcmp(kind.name, argv[2]) != 0)) continue;
    if (std::strcmp(kind.name, "alone") != 0) Company::of(1);
    const long count = std::atol(argv[1]);
    kind.before();
    for (const long times : {count, count, 2 * count}) counted_pairs(kind.pair, times);
    kind.after();
  }
  std::fflush(stdout);
  std::_Exit(0);  // threads are left that never end
}
