// Threads that have and want real locks, of which no record tells but what a test records itself: as in a process that is attached
// to, and where calls go past our hooks.
#include "shim/inspection/inferred_holds.h"

#include <linux/futex.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <initializer_list>
#include <memory>
#include <vector>

#include "shim/base/clock.h"
#include "shim/inspection/blocked_thread.h"
#include "shim/inspection/earlier_sleeps.h"
#include "shim/inspection/lock_state.h"
#include "shim/inspection/other_process.h"
#include "shim/record/view_walk.h"
#include "tests/catch.h"
#include "tests/shared_locks.h"
#include "tests/unit/await_sleep.h"
#include "tests/unit/in_child.h"
#include "tests/unit/record_calls.h"
#include "tests/unit/recorded_thread.h"
#include "tests/unit/waiting_functions.h"

namespace holdwatch {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;
constexpr uint64_t kSlack = 1'000'000;
constexpr Caller kSomewhere = {0x401000, 0, 0};

struct InferredTest {
  std::unique_ptr<Timing> timing = std::make_unique<Timing>();
  uintptr_t reported_lock = 0;
  std::unique_ptr<LockIndex> lock_index = std::make_unique<LockIndex>();
  Candidates stuck;
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  LockWord word{&mutex, LockKind::mutex, Access::exclusive};
  bool is_held = false;
  RecordedThread holder, waiter;

  InferredTest() {
    know_waiting_functions();
    timing->set_limits({kSecond, kSecond, kSecond});
    timing->advance();
  }
  ~InferredTest() {
    forget_inferred();
    release();
    stop_tick();
  }

  // --- what threads do, unrecorded ---

  void lock() {
    holder.run([&] { pthread_mutex_lock(&mutex); });
    is_held = true;
    await_call(holder.tid(), SYS_futex);
  }
  void release() {
    if (is_held) holder.run([&] { pthread_mutex_unlock(&mutex); });
    is_held = false;
  }
  void block() {
    waiter.start([&] {
      pthread_mutex_lock(&mutex);
      pthread_mutex_unlock(&mutex);
    });
    await_sleep_for(waiter.tid(), word);
  }
  void lock_and_block() {
    lock();
    block();
  }
  // Both run, and are where they were: the lock may have been given up and taken again in between.
  void let_both_run() {
    holder.run([] {});
    await_call(holder.tid(), SYS_futex);
    const uint64_t before = switches(waiter.tid());
    syscall(SYS_futex, &mutex, FUTEX_WAKE_PRIVATE, 1);
    while (switches(waiter.tid()) == before) usleep(1000);
    await_sleep_for(waiter.tid(), word);
  }
  static uint64_t switches(int tid) {
    StatusFile status;
    return read_status_file(tid, &status) == 0 ? status.switches() : 0;
  }

  // --- what they record ---

  uint64_t ago(uint64_t age_ns) const { return (timing->now_ns() - age_ns) | kExact; }
  void record_wait(RecordedThread& thread, LockWord lock, uint64_t age_ns, Caller caller = kSomewhere) {
    begin_wait(thread.record(), lock, caller, ago(age_ns));
  }
  void record_hold(RecordedThread& thread, uint64_t age_ns) {
    const TickAt tick(ago(age_ns));
    hold(thread.record(), word, kSomewhere);
  }

  // --- the watcher ---

  // What is inferred at this look dates from so long ago.
  void look(uint64_t age_ns = 0) {
    timing->advance();
    const TickAt tick(ago(age_ns));
    stuck.count = 0;
    const auto contain = [](void* reported, uintptr_t lock) {
      return *static_cast<const uintptr_t*>(reported) == lock;
    };
    update_inferred(*timing, {contain, &reported_lock}, *lock_index, stuck);
  }
  void attach(uint64_t age_ns = 0) {
    infer_after_attachment();
    look(age_ns);
  }
  // What the command tells after an attachment; `then` comes before the watcher takes it.
  struct Sleep {
    int tid;
    uint64_t asleep_ns;
  };
  template <typename Then>
  void tell_sleeps(std::initializer_list<Sleep> sleeps, Then then) {
    uint64_t count = 0;
    for (const Sleep& sleep : sleeps)
      room_for_earlier_sleeps()[count++] = {sleep.asleep_ns, switches(sleep.tid), sleep.tid};
    then();
    infer_since(count);
    look();
  }
  void tell_sleeps(std::initializer_list<Sleep> sleeps) {
    tell_sleeps(sleeps, [] {});
  }
  bool is_stuck() const { return stuck.count == 1 && stuck.locks[0].is_same_lock(word); }

  std::vector<HoldView> holds() const {
    std::vector<HoldView> found;
    for_each_hold(UINT64_MAX, [&](const HoldView& hold) {
      if (is_inferred(hold.sites[0].pc) && hold.word.is_same_lock(word)) found.push_back(hold);
    });
    return found;
  }
  std::vector<WaitView> waits() const {
    std::vector<WaitView> found;
    for_each_wait(UINT64_MAX, [&](const WaitView& wait) {
      if (is_inferred(wait.caller.pc) && wait.word.is_same_lock(word)) found.push_back(wait);
    });
    return found;
  }
  std::vector<int> holding() const {
    std::vector<int> tids;
    for (const HoldView& hold : holds()) tids.push_back(hold.tid);
    return tids;
  }
  std::vector<int> waiting() const {
    std::vector<int> tids;
    for (const WaitView& wait : waits()) tids.push_back(wait.tid);
    return tids;
  }
  std::vector<LockWord> held_words() const {
    std::vector<LockWord> words;
    for (const HoldView& hold : holds()) words.push_back(hold.word);
    return words;
  }
  std::vector<LockWord> wanted_words() const {
    std::vector<LockWord> words;
    for (const WaitView& wait : waits()) words.push_back(wait.word);
    return words;
  }
  HoldView the_hold() const {
    REQUIRE(holds().size() == 1);
    return holds()[0];
  }
  HolderState the_holder() const {
    HolderState state{};
    CHECK(describe_holder(the_hold(), &state));
    return state;
  }
};

using Tids = std::vector<int>;
using Words = std::vector<LockWord>;

// --- attaching ---

TEST_CASE_METHOD(InferredTest, "after an attachment the waiters and holders of a lock are known, each once") {
  lock_and_block();
  attach();
  look();
  CHECK(has_inferred());
  CHECK(inferred_since_attachment({}));
  CHECK(holding() == Tids{holder.tid()});
  CHECK(waiting() == Tids{waiter.tid()});
  const InferredHold* const known = inferred_hold(the_hold());
  REQUIRE(known != nullptr);
  CHECK(known->place.where == Whereabouts::here);
  CHECK(known->place.tid == holder.tid());
  CHECK(acquired_how(the_holder()) == Acquired::before_attach);
  CHECK_FALSE(the_holder().likely);
  CHECK_FALSE(is_stuck());
}

TEST_CASE_METHOD(InferredTest, "what a sleeping thread holds or waits for began before it fell asleep") {
  lock_and_block();
  attach();
  tell_sleeps({{holder.tid(), 30 * kSecond}, {waiter.tid(), 20 * kSecond}});
  CHECK(timing->age_of(the_hold()) >= 30 * kSecond - kSlack);
  REQUIRE(waits().size() == 1);
  CHECK(timing->age_of(waits()[0]) >= 20 * kSecond - kSlack);
  CHECK(timing->age_of(waits()[0]) < 30 * kSecond);
}

TEST_CASE_METHOD(InferredTest, "a thread that has run since may have acquired the lock since") {
  lock_and_block();
  tell_sleeps({{holder.tid(), 30 * kSecond}, {waiter.tid(), 20 * kSecond}}, [this] { let_both_run(); });
  CHECK(timing->age_of(the_hold()) < kSecond * 15);
  REQUIRE(waits().size() == 1);
  CHECK(timing->age_of(waits()[0]) < kSecond * 15);
}

TEST_CASE_METHOD(InferredTest,
                 "a thread that began after a waiter fell asleep is not named as what the waiter waits for") {
  lock_and_block();
  tell_sleeps({{waiter.tid(), 30 * kSecond}});
  CHECK(holds().empty());
  CHECK(waiting() == Tids{waiter.tid()});
}

TEST_CASE_METHOD(InferredTest, "threads are looked at after an attachment only, and then three times") {
  lock_and_block();
  look();
  CHECK_FALSE(has_inferred());
  CHECK_FALSE(inferred_since_attachment({}));
  release();
  waiter.exit();
  infer_after_attachment();
  for (int i = 0; i < 3; ++i) look();
  RecordedThread latecomer;
  lock();
  latecomer.start([&] {
    pthread_mutex_lock(&mutex);
    pthread_mutex_unlock(&mutex);
  });
  await_sleep_for(latecomer.tid(), word);
  look();
  CHECK_FALSE(has_inferred());
  release();
}

TEST_CASE_METHOD(InferredTest, "a thread that begins to wait between the first look and the third is inferred") {
  infer_after_attachment();
  look();
  look();
  lock_and_block();
  look();
  CHECK(waiting() == Tids{waiter.tid()});
}

TEST_CASE_METHOD(InferredTest, "a wait that its thread has recorded is not recorded again") {
  lock_and_block();
  record_wait(waiter, word, 0);
  attach();
  CHECK(waiting().empty());
  CHECK(holding().empty());
  waiter.record().clear();
}

TEST_CASE_METHOD(InferredTest, "a hold that its thread has recorded is not recorded again") {
  lock_and_block();
  record_hold(holder, 0);
  attach();
  CHECK(waiting() == Tids{waiter.tid()});
  CHECK(holding().empty());
  holder.record().clear();
}

TEST_CASE_METHOD(InferredTest, "what a thread records itself from then on replaces what was inferred of it") {
  lock_and_block();
  attach();
  CHECK(holding() == Tids{holder.tid()});
  record_hold(holder, 0);
  look();
  CHECK(holding().empty());
  holder.record().clear();
}

TEST_CASE_METHOD(InferredTest, "a wait with a timeout is known as one, which closes no cycle") {
  lock();
  waiter.start([&] {
    const timespec in_a_day = {time(nullptr) + 86'400, 0};
    pthread_mutex_timedlock(&mutex, &in_a_day);
    pthread_mutex_unlock(&mutex);
  });
  await_sleep_for(waiter.tid(), word);
  attach();
  CHECK(wanted_words() == Words{word.with_timeout()});
}

TEST_CASE_METHOD(InferredTest, "a rwlock names its writer, but none of its readers") {
  pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
  word = {&rwlock, LockKind::rwlock, Access::exclusive};
  const LockWord for_reading(&rwlock, LockKind::rwlock, Access::shared);
  const auto unlock = [&] { pthread_rwlock_unlock(&rwlock); };
  holder.run([&] { pthread_rwlock_wrlock(&rwlock); });
  waiter.start([&] {
    pthread_rwlock_rdlock(&rwlock);
    pthread_rwlock_unlock(&rwlock);
  });
  await_sleep_for(waiter.tid(), word);
  attach();
  CHECK(holding() == Tids{holder.tid()});
  CHECK(held_words() == Words{word});
  CHECK(waiting() == Tids{waiter.tid()});
  CHECK(wanted_words() == Words{for_reading});
  holder.run(unlock);
  waiter.exit();

  RecordedThread writer;
  holder.run([&] { pthread_rwlock_rdlock(&rwlock); });
  writer.start([&] {
    pthread_rwlock_wrlock(&rwlock);
    pthread_rwlock_unlock(&rwlock);
  });
  await_sleep_for(writer.tid(), word);
  attach();
  CHECK(holding().empty());
  CHECK(waiting() == Tids{writer.tid()});
  CHECK(wanted_words() == Words{word});
  holder.run(unlock);
}

TEST_CASE_METHOD(InferredTest,
                 "a thread in a condition wait from before the attachment is inferred once it has been woken") {
  pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
  waiter.start([&] {
    pthread_mutex_lock(&mutex);
    pthread_cond_wait(&condition, &mutex);
    pthread_mutex_unlock(&mutex);
  });
  await_sleep_for(waiter.tid(), condition);
  infer_after_attachment();
  for (int i = 0; i < 3; ++i) look();
  CHECK(waiting().empty());
  lock();
  record_hold(holder, 10 * kSecond);
  look();
  CHECK(waiting().empty());
  pthread_cond_signal(&condition);
  await_sleep_for(waiter.tid(), word);
  look();
  CHECK(waiting() == Tids{waiter.tid()});
  holder.record().clear();
}

// --- how long it is known ---

TEST_CASE_METHOD(InferredTest, "the hold ends with the unlock, and the wait with the lock") {
  lock_and_block();
  attach();
  REQUIRE(has_inferred());
  release();
  waiter.exit();
  look();
  CHECK_FALSE(has_inferred());
  CHECK(holding().empty());
  CHECK(waiting().empty());
}

TEST_CASE_METHOD(InferredTest, "a hold counts on while its thread sleeps") {
  lock_and_block();
  attach(kSecond / 2);
  look();
  CHECK(timing->age_of(the_hold()) >= kSecond / 2 - kPublishedWithinNs);
  CHECK_FALSE(the_holder().likely);
}

TEST_CASE_METHOD(InferredTest, "a hold that may be another one by now counts anew") {
  lock_and_block();
  attach(kSecond / 2);
  const Identity before = the_hold().identity;
  let_both_run();
  look();
  CHECK(holding() == Tids{holder.tid()});
  CHECK_FALSE(the_hold().identity == before);
  CHECK(timing->age_of(the_hold()) < kSecond / 2);
  CHECK_FALSE(the_holder().likely);
}

TEST_CASE_METHOD(InferredTest, "a hold that was over its limit, and may be another one by now, is likely the same") {
  lock_and_block();
  attach(2 * kSecond);
  const Identity before = the_hold().identity;
  let_both_run();
  look();
  REQUIRE(holding() == Tids{holder.tid()});
  CHECK(the_hold().identity == before);
  CHECK(inferred_hold(the_hold())->doubtful);
  CHECK(the_holder().likely);
}

TEST_CASE_METHOD(InferredTest, "after a detachment nothing is inferred any more") {
  lock_and_block();
  attach();
  forget_inferred();
  CHECK_FALSE(has_inferred());
  CHECK_FALSE(inferred_since_attachment({}));
  CHECK(holding().empty());
  CHECK(waiting().empty());
  look();
  CHECK_FALSE(has_inferred());
}

// --- waits that no record explains ---

TEST_CASE_METHOD(InferredTest, "a wait for a lock without a recorded holder leads to the thread that the lock names") {
  lock();
  record_wait(waiter, word, 10 * kSecond);
  look();
  CHECK(holding() == Tids{holder.tid()});
  CHECK(acquired_how(the_holder()) == Acquired::unseen);
  CHECK_FALSE(is_stuck());
  waiter.record().clear();
}

TEST_CASE_METHOD(InferredTest,
                 "a wait for a lock without a recorded holder leads to all threads that wait for it without a record") {
  RecordedThread unrecorded;
  lock();
  record_wait(waiter, word, 10 * kSecond);
  unrecorded.start([&] {
    pthread_mutex_lock(&mutex);
    pthread_mutex_unlock(&mutex);
  });
  await_sleep_for(unrecorded.tid(), word);
  look();
  CHECK(waiting() == Tids{unrecorded.tid()});
  release();
  waiter.record().clear();
}

TEST_CASE_METHOD(InferredTest, "a wait that has just begun need not be explained, nor one for a condition") {
  lock();
  record_wait(waiter, word, 0);
  record_wait(holder, word.with_condition(), 10 * kSecond);
  look();
  CHECK_FALSE(has_inferred());
  waiter.record().clear();
  holder.record().clear();
}

TEST_CASE_METHOD(InferredTest,
                 "a wait is explained by a hold that was recorded, unless the lock names another thread") {
  lock();
  record_hold(holder, 10 * kSecond);
  record_wait(waiter, word, 10 * kSecond);
  look();
  CHECK_FALSE(has_inferred());
  holder.record().clear();
  forget_inferred();  // the next look is not to wait its turn

  RecordedThread past_holder;
  record_hold(past_holder, 10 * kSecond);
  look();
  CHECK(holding() == Tids{holder.tid()});
  past_holder.record().clear();
  waiter.record().clear();
}

// --- what nobody can ever release ---

struct ExitedHolderTest : InferredTest {
  int exited;

  ExitedHolderTest() {
    holder.run([&] { pthread_mutex_lock(&mutex); });
    exited = holder.tid();
    holder.exit();
    while (syscall(SYS_tgkill, getpid(), exited, 0) == 0) usleep(1000);
  }
  ~ExitedHolderTest() { waiter.record().clear(); }
};

TEST_CASE_METHOD(ExitedHolderTest, "a lock whose holder has exited is stuck once a thread has waited for the limit") {
  record_wait(waiter, word, 2 * kSecond);
  look();
  CHECK(holding() == Tids{exited});
  CHECK(inferred_hold(the_hold())->place.where == Whereabouts::exited);
  CHECK(the_holder().hold.gone);
  CHECK(is_stuck());
}

TEST_CASE_METHOD(ExitedHolderTest,
                 "a lock whose holder has exited is not stuck before a thread has waited for the limit") {
  record_wait(waiter, word, kSecond / 2);
  look();
  CHECK(holding() == Tids{exited});
  CHECK(stuck.count == 0);
}

TEST_CASE_METHOD(ExitedHolderTest, "a lock whose holder has exited is not stuck if it has been reported") {
  reported_lock = word.address();
  record_wait(waiter, word, 2 * kSecond);
  look();
  CHECK(stuck.count == 0);
}

TEST_CASE_METHOD(InferredTest, "a lock that its own holder waits for is stuck") {
  lock();
  record_wait(holder, word, 2 * kSecond);
  look();
  CHECK(holding() == Tids{holder.tid()});
  CHECK_FALSE(inferred_hold(the_hold())->inside_call);
  CHECK(is_stuck());
  holder.record().clear();
}

TEST_CASE_METHOD(InferredTest, "a lock that a thread of the parent's held at the fork is stuck in the child") {
  lock();
  const int tid = holder.tid();
  const Outcome outcome = in_child([&] {
    record_wait(waiter, word, 2 * kSecond);
    look();
    const bool is_parents = holding() == Tids{tid} && holds().size() == 1 &&
                            inferred_hold(the_hold())->place.where == Whereabouts::of_parent;
    return is_parents && is_stuck() ? 0 : 1;
  });
  CHECK(outcome.status == 0);
}

// Ended with the scope.
struct OtherProcess {
  pid_t pid = fork();
  ~OtherProcess() {
    kill(pid, SIGKILL);
    waitpid(pid, nullptr, 0);
  }
};

TEST_CASE_METHOD(InferredTest, "a lock that processes share is held by a thread of another one, which is named") {
  pthread_mutex_t* const shared = &shared_locks::map_shared_lock<pthread_mutex_t>();
  const OtherProcess other;
  const pid_t child = other.pid;
  if (child == 0) {
    pthread_mutex_lock(shared);
    while (true) pause();
  }
  while (shared->__data.__owner != child) usleep(1000);
  word = {shared, LockKind::mutex, Access::exclusive};
  // A process is known that is older than the wait.
  while (find_shared_owner(child, word.address(), monotonic_ns()).pid != child) usleep(1000);
  timing->set_limits({1'000'000, 1'000'000, 1'000'000});
  timing->advance();
  record_wait(waiter, word, 0);
  while (!has_inferred()) usleep(1000), look();
  CHECK(holding() == Tids{child});
  CHECK(the_holder().where == Whereabouts::elsewhere);
  CHECK(the_holder().pid == child);
  CHECK_FALSE(the_holder().hold.gone);
  CHECK(acquired_how(the_holder()) == Acquired::elsewhere);
  CHECK(stuck.count == 0);
  waiter.record().clear();
  forget_inferred();
}

// --- a call that a signal has interrupted ---

pthread_mutex_t* g_wanted;
std::atomic<uintptr_t> g_handler_sp;

void lock_in_handler(int) {
  g_handler_sp = reinterpret_cast<uintptr_t>(__builtin_frame_address(0));
  pthread_mutex_lock(g_wanted);
  pthread_mutex_unlock(g_wanted);
}

struct NamelessTest : InferredTest {
  NamelessTest() { mutex.__data.__lock = 2; }
  ~NamelessTest() { free_lock(); }
  void free_lock() {
    __atomic_store_n(&mutex.__data.__lock, 0, __ATOMIC_SEQ_CST);
    syscall(SYS_futex, &mutex, FUTEX_WAKE_PRIVATE, 1);
  }
};

TEST_CASE_METHOD(NamelessTest,
                 "a lock that is taken and names nobody is held by whose own call for it a signal has interrupted") {
  struct sigaction action {
  }, before{};
  action.sa_handler = lock_in_handler;
  sigaction(SIGUSR1, &action, &before);
  g_wanted = &mutex;
  // The signal comes in a call of libc's that has the lock in a register, as a lock call has.
  waiter.start([&] { syscall(SYS_tgkill, getpid(), gettid(), SIGUSR1, &mutex); });
  await_sleep_for(waiter.tid(), word);
  record_wait(holder, word, 10 * kSecond);
  look();
  CHECK(holding().empty());  // that one waits, and is in no call
  forget_inferred();
  holder.record().clear();
  record_wait(waiter, word, 10 * kSecond, {0x401000, g_handler_sp, 0});
  look();
  CHECK(holding() == Tids{waiter.tid()});
  CHECK(inferred_hold(the_hold())->inside_call);
  CHECK(acquired_how(the_holder()) == Acquired::inside_call);
  CHECK(the_holder().likely);
  CHECK(is_stuck());
  look();
  CHECK(holding() == Tids{waiter.tid()});

  waiter.record().clear();
  free_lock();
  waiter.exit();
  look();
  CHECK(holding().empty());
  sigaction(SIGUSR1, &before, nullptr);
}

// --- waiters that no record tells of ---

TEST_CASE_METHOD(InferredTest, "unrecorded waiters are found, once, if the lock says that it has waiters") {
  CHECK_FALSE(infer_unseen_waiters(word));
  lock();
  CHECK_FALSE(infer_unseen_waiters(word));
  block();
  CHECK(infer_unseen_waiters(word));
  CHECK(waiting() == Tids{waiter.tid()});
  CHECK_FALSE(infer_unseen_waiters(word));
  CHECK(waiting() == Tids{waiter.tid()});
  CHECK(holding().empty());
}

TEST_CASE_METHOD(InferredTest, "if the lock does not say that it has waiters, no thread is examined") {
  lock();
  waiter.start([&] { syscall(SYS_futex, &mutex, FUTEX_WAIT_PRIVATE, 1, nullptr); });
  await_sleep_for(waiter.tid(), word);
  CHECK_FALSE(infer_unseen_waiters(word));
  syscall(SYS_futex, &mutex, FUTEX_WAKE_PRIVATE, 1);
  waiter.exit();
}

TEST_CASE_METHOD(InferredTest, "recorded waiters are not inferred") {
  lock_and_block();
  record_wait(waiter, word, 0);
  CHECK_FALSE(infer_unseen_waiters(word));
  CHECK(waiting().empty());
  waiter.record().clear();
}

}  // namespace
}  // namespace holdwatch
