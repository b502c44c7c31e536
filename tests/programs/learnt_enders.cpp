// Who can end a wait that no lock tells of: a thread that has ended one before. Each holder waits twice with its lock held; the first
// wait is ended once it has been reported, the second one is in doubt.
// RUN-ENV: HOLDWATCH_LIMIT=300ms HOLDWATCH_RATE=1000 HOLDWATCH_ONLY=all
// EXPECT: can likely end that
// EXPECT-JSON: ends_of("condition") == [("no other thread has been seen to signal it", []), (None, ["signaller"])]
// EXPECT-JSON: ends_of("c11_condition") == [("no other thread has been seen to signal it", []), (None, ["c11_signaller"])]
// EXPECT-JSON: ends_of("semaphore") == [("no other thread has been seen to post it", []), (None, ["poster"])]
// EXPECT-JSON: ends_of("futex") == [("no other thread has been seen to wake it", []), (None, ["waker"])]
// EXPECT-JSON: ends_of("two_words") == [("no other thread has been seen to wake it", []), (None, ["waker_of_two"])]
// EXPECT-JSON: ends_of("atomic") == [("no other thread has been seen to wake it", []), (None, ["notifier"])]
// EXPECT-JSON: ends_of("barrier")[1] == (None, ["late"])
// EXPECT-JSON: ends_of("renewed")[1] == ("no other thread has been seen to signal it", [])
// EXPECT-JSON: ends_of("one_of_two")[1] == ("several threads have signalled it", [])
// EXPECT-JSON: ends_of("not_who_waits")[1] == (None, ["user"])
// EXPECT-JSON: ends_of("exited")[1] == ("the thread that has posted it has exited", [])
// EXPECT-JSON: ends_of("shared")[1] == ("another process may post it", [])
// EXPECT-JSON: last_words("condition") == 'last signalled by N "signaller" at learnt_enders.cpp:%d' % line("signals")
// EXPECT-JSON: last_words("semaphore") == 'last posted by N "poster" at learnt_enders.cpp:%d' % line("posts")
// EXPECT-JSON: last_words("futex") == 'last woken by N "waker" at learnt_enders.cpp:%d' % line("wakes")
// EXPECT-JSON: last_words("one_of_two").startswith('last signalled by N "second"')
// EXPECT-JSON: last_words("exited").startswith('last posted by N at learnt_enders.cpp')
// EXPECT-JSON: all(one["likely"] and one["evidence"] == "learnt" for event in over for h in event["holders"]
//     for one in h["wait"]["enders"])
// EXPECT-JSON: not any(event["likely_cycle"] for event in over)
// EXPECT-JSON: not deadlocks
#include <linux/futex.h>
#include <semaphore.h>
#include <sys/syscall.h>
#include <threads.h>

#include <list>
#include <mutex>

#include "tests/programs/harness.h"
using namespace harness;

namespace {

Event finish;

// Waits twice with a lock held, each time until the round is over.
class Holder {
 public:
  template <typename Wait>
  Holder(const char* name, Wait wait)
      : name_(name), thread_(name, [this, wait] {
          for (int round = 1; round <= 2; ++round) {
            std::lock_guard guard(lock_);
            wait(round);
          }
        }) {}

  void await_report(int round) const { await_report_of("over", name_, static_cast<size_t>(round)); }

 private:
  const char* const name_;
  std::mutex lock_;
  Thread thread_;
};

// Ends a holder's first wait, once it was reported, and stays alive until the second one was.
class Ender {
 public:
  template <typename End>
  Ender(const char* name, const Holder& holder, End end)
      : thread_(name, [&holder, end] {
          holder.await_report(1);
          end();
          finish.wait();
        }) {}

 private:
  Thread thread_;
};

struct Condition {
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
  int round = 0;

  void wait_for(int wanted) {
    pthread_mutex_lock(&mutex);
    while (round < wanted) pthread_cond_wait(&condition, &mutex);
    pthread_mutex_unlock(&mutex);
  }
  void advance_to(int next) {
    pthread_mutex_lock(&mutex);
    round = next;
    pthread_cond_signal(&condition);  // signals
    pthread_mutex_unlock(&mutex);
  }
  void advance() {
    pthread_mutex_lock(&mutex);
    ++round;
    pthread_cond_broadcast(&condition);
    pthread_mutex_unlock(&mutex);
  }
};

struct C11Condition {
  mtx_t mutex;
  cnd_t condition;
  int round = 0;

  C11Condition() {
    mtx_init(&mutex, mtx_plain);
    cnd_init(&condition);
  }
  void wait_for(int wanted) {
    mtx_lock(&mutex);
    while (round < wanted) cnd_wait(&condition, &mutex);
    mtx_unlock(&mutex);
  }
  void advance() {
    mtx_lock(&mutex);
    ++round;
    cnd_broadcast(&condition);
    mtx_unlock(&mutex);
  }
};

void wait_for(sem_t* semaphore) {
  while (sem_wait(semaphore) != 0) continue;
}

void sleep_until(std::atomic<int>& word, int wanted) {
  for (int seen = word; seen < wanted; seen = word) syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, seen, nullptr);
}

void wake(std::atomic<int>& word) {
  ++word;
  syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1);  // wakes
}

// Wakes by the operation that has two words, of which this is the second.
void wake_as_second(std::atomic<int>& word) {
  int first = 0;
  const auto operation = static_cast<int>(FUTEX_OP(FUTEX_OP_ADD, 1, FUTEX_OP_CMP_GE, 0));
  syscall(SYS_futex, &first, FUTEX_WAKE_OP_PRIVATE, 0, 1L, &word, operation);
}

}  // namespace

int main() {
  Condition condition, renewed, one_of_two, not_who_waits;
  C11Condition c11_condition;
  sem_t semaphore, exited, shared;
  sem_init(&semaphore, 0, 0);
  sem_init(&exited, 0, 0);
  sem_init(&shared, 1, 0);
  pthread_barrier_t barrier;
  pthread_barrier_init(&barrier, nullptr, 3);
  alignas(64) std::atomic<int> words[4] = {};  // the atomic at no multiple of 64, where libstdc++'s pool is
  std::atomic<int>&futex = words[0], &two_words = words[1], &atomic = words[2];

  Holder waits_for_condition("condition", [&](int round) { condition.wait_for(round); });
  Ender signaller("signaller", waits_for_condition, [&] { condition.advance_to(1); });
  Holder waits_for_c11("c11_condition", [&](int round) { c11_condition.wait_for(round); });
  Ender c11_signaller("c11_signaller", waits_for_c11, [&] { c11_condition.advance(); });
  Holder waits_for_semaphore("semaphore", [&](int) { wait_for(&semaphore); });
  Ender poster("poster", waits_for_semaphore, [&] {
    CHECK(sem_post(&semaphore) == 0);  // posts
  });
  Holder waits_for_futex("futex", [&](int round) { sleep_until(futex, round); });
  Ender waker("waker", waits_for_futex, [&] { wake(futex); });
  Holder waits_for_second("two_words", [&](int round) { sleep_until(two_words, round); });
  Ender waker_of_two("waker_of_two", waits_for_second, [&] { wake_as_second(two_words); });
  Holder waits_for_atomic("atomic", [&](int round) { atomic.wait(round - 1); });
  Ender notifier("notifier", waits_for_atomic, [&] {
    ++atomic;
    atomic.notify_one();
  });

  Holder waits_at_barrier("barrier", [&](int) { pthread_barrier_wait(&barrier); });
  Ender early("early", waits_at_barrier, [&] {
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier);
  });
  Ender late("late", waits_at_barrier, [&] { pthread_barrier_wait(&barrier); });

  // The second wait is for another condition in the same place.
  Holder waits_for_renewed("renewed", [&](int round) {
    if (round == 2) {
      pthread_cond_destroy(&renewed.condition);
      pthread_cond_init(&renewed.condition, nullptr);
    }
    renewed.wait_for(round);
  });
  Ender signaller_before("before", waits_for_renewed, [&] { renewed.advance(); });

  Holder waits_for_one("one_of_two", [&](int round) { one_of_two.wait_for(2 * round); });
  Event first_has_signalled;
  Ender first("first", waits_for_one, [&] {
    one_of_two.advance();
    first_has_signalled.fire();
  });
  Ender second("second", waits_for_one, [&] {
    first_has_signalled.wait();
    one_of_two.advance();
  });

  // A lock made of a condition: of its users, the one that has it does not wait for it.
  Holder waits_like_others("not_who_waits", [&](int round) { not_who_waits.wait_for(2 * round); });
  Event other_waits;
  Ender other("other", waits_like_others, [&] {
    not_who_waits.advance();
    not_who_waits.wait_for(3);
  });
  Ender user("user", waits_like_others, [&] { not_who_waits.advance(); });

  Holder waits_for_exited("exited", [&](int) { wait_for(&exited); });
  Thread("short", [&] {
    waits_for_exited.await_report(1);
    CHECK(sem_post(&exited) == 0);
  }).join();
  Holder waits_for_process("shared", [&](int) { wait_for(&shared); });
  Ender sharer("sharer", waits_for_process, [&] { sem_post(&shared); });

  const Holder* const all[] = {&waits_for_condition, &waits_for_c11,     &waits_for_semaphore, &waits_for_futex,
                               &waits_for_second,    &waits_for_atomic,  &waits_at_barrier,    &waits_for_renewed,
                               &waits_for_one,       &waits_like_others, &waits_for_exited,    &waits_for_process};
  for (const Holder* one : all) one->await_report(2);
  std::fflush(stdout);
  _exit(0);
}
