// A server that names a lock for each connection, and destroys it, or never does: the lock that it names last is told by its
// name, and has one id from the first line to the last.
// RUN-ENV: HOLDWATCH_LIMIT=200ms
// EXPECT-JSON: [x["lock"]["name"] for x in over + released] == ["extra", "another", "extra", "another"]
// EXPECT-JSON: [x["lock"]["id"] for x in over] == [x["lock"]["id"] for x in released]
// EXPECT-JSON: len({x["lock"]["id"] for x in over}) == 2
#include <vector>

#include "shim/holdwatch.h"
#include "tests/programs/harness.h"
using namespace harness;

namespace {

constexpr size_t kLocks = 20'000;

std::vector<pthread_mutex_t> name_many() {
  std::vector<pthread_mutex_t> locks(kLocks);
  for (pthread_mutex_t& lock : locks) {
    CHECK(pthread_mutex_init(&lock, nullptr) == 0);
    HOLDWATCH_NAME_LOCK(&lock, "connection");
  }
  return locks;
}

void hold_named(const char* name, size_t count) {
  pthread_mutex_t lock;
  CHECK(pthread_mutex_init(&lock, nullptr) == 0);
  HOLDWATCH_NAME_LOCK(&lock, name);
  CHECK(pthread_mutex_lock(&lock) == 0);
  await_report("over", count);
  CHECK(pthread_mutex_unlock(&lock) == 0);
  await_report("released", count);
}

}  // namespace

int main() {
  Thread("other", [] {}).join();
  std::vector<pthread_mutex_t> locks = name_many();
  for (pthread_mutex_t& lock : locks) CHECK(pthread_mutex_destroy(&lock) == 0);
  hold_named("extra", 1);
  locks = name_many();
  hold_named("another", 2);
}
