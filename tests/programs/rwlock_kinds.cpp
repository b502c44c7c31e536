// Who may pass whom is the rwlock's kind's to say, and stays so: a reader that comes while a writer waits, one that holds
// the lock already, and who is next when it becomes free.
// RUN-ENV: HOLDWATCH_LIMIT=60s
// EXPECT-NOTHING
#include <ctime>

#include "tests/programs/harness.h"
using namespace harness;

timespec soon() {
  timespec time;
  clock_gettime(CLOCK_REALTIME, &time);
  time.tv_nsec += 30'000'000;
  if (time.tv_nsec >= 1'000'000'000) ++time.tv_sec, time.tv_nsec -= 1'000'000'000;
  return time;
}

void make(pthread_rwlock_t* lock, int kind) {
  pthread_rwlockattr_t attributes;
  CHECK(pthread_rwlockattr_init(&attributes) == 0);
  CHECK(pthread_rwlockattr_setkind_np(&attributes, kind) == 0);
  CHECK(pthread_rwlock_init(lock, &attributes) == 0);
}

// A writer waits behind a reader; what may others do, and in which order are the two served that wait in the end?
void readers_and_a_writer(int kind) {
  pthread_rwlock_t lock;
  make(&lock, kind);
  std::string order;
  CHECK(pthread_rwlock_rdlock(&lock) == 0);
  Thread writer("writer", [&] {
    CHECK(pthread_rwlock_wrlock(&lock) == 0);
    order += " writer";
    CHECK(pthread_rwlock_unlock(&lock) == 0);
  });
  writer.wait_until_blocked_on(lock);
  const timespec end = soon();
  const int again = pthread_rwlock_tryrdlock(&lock);
  std::printf("holder reads again: %d\n", again);
  std::printf("holder writes: %d %d\n", pthread_rwlock_trywrlock(&lock), pthread_rwlock_timedwrlock(&lock, &end));
  Thread("tries", [&] {
    const int tried = pthread_rwlock_tryrdlock(&lock);
    const int timed = pthread_rwlock_timedrdlock(&lock, &end);
    std::printf("another reads: %d, in time: %d, writes: %d\n", tried, timed, pthread_rwlock_trywrlock(&lock));
    if (tried == 0) CHECK(pthread_rwlock_unlock(&lock) == 0);
    if (timed == 0) CHECK(pthread_rwlock_unlock(&lock) == 0);
  });
  std::atomic<bool> passes{false};
  Thread reader("reader", [&] {
    CHECK(pthread_rwlock_rdlock(&lock) == 0);
    passes = true;
    order += " reader";
    CHECK(pthread_rwlock_unlock(&lock) == 0);
  });
  if (kind == PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP)
    reader.wait_until_blocked_on(lock);
  else
    reader.join();
  std::printf("passes the writer: %d\n", passes.load());
  for (int held = again == 0 ? 2 : 1; held > 0; --held) CHECK(pthread_rwlock_unlock(&lock) == 0);
  writer.join();
  reader.join();
  std::printf("order:%s\n", order.c_str());
}

void writer_alone(int kind) {
  pthread_rwlock_t lock;
  make(&lock, kind);
  const timespec end = soon();
  CHECK(pthread_rwlock_wrlock(&lock) == 0);
  errno = 77;
  std::printf("writer writes: %d %d %d\n", pthread_rwlock_wrlock(&lock), pthread_rwlock_trywrlock(&lock),
              pthread_rwlock_timedwrlock(&lock, &end));
  std::printf("writer reads: %d %d %d, errno %d\n", pthread_rwlock_rdlock(&lock), pthread_rwlock_tryrdlock(&lock),
              pthread_rwlock_timedrdlock(&lock, &end), errno);
  CHECK(pthread_rwlock_unlock(&lock) == 0);
  std::printf("free again: %d\n", pthread_rwlock_trywrlock(&lock));
}

int main() {
  for (int kind : {PTHREAD_RWLOCK_PREFER_READER_NP, PTHREAD_RWLOCK_PREFER_WRITER_NP,
                   PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP}) {
    std::printf("kind %d\n", kind);
    readers_and_a_writer(kind);
    writer_alone(kind);
  }
}
