// A lock has one id from the first line of its episode to the last, also if it is destroyed right after its release; a lock
// that is made in its place has another; one that stays has the same in its next episode.
// RUN-ENV: HOLDWATCH_LIMIT=200ms
// EXPECT-JSON: [x["lock"]["id"] for x in over] == [x["lock"]["id"] for x in released] and len(over) == 4
// EXPECT-JSON: [x["lock"]["name"] for x in over] == [x["lock"]["name"] for x in released]
//     == ["(anonymous namespace)::stays", "first", "second", "(anonymous namespace)::stays"]
// EXPECT-JSON: over[0]["lock"]["id"] == over[3]["lock"]["id"]
// EXPECT-JSON: over[1]["lock"]["address"] == over[2]["lock"]["address"]
// EXPECT-JSON: len({x["lock"]["id"] for x in over}) == 3
#include "shim/holdwatch.h"
#include "tests/programs/harness.h"
using namespace harness;

namespace {

pthread_mutex_t stays = PTHREAD_MUTEX_INITIALIZER;
alignas(pthread_mutex_t) unsigned char memory[sizeof(pthread_mutex_t)];
size_t reported = 0;

void hold(pthread_mutex_t* lock) {
  CHECK(pthread_mutex_lock(lock) == 0);
  await_report("over", ++reported);
  CHECK(pthread_mutex_unlock(lock) == 0);
}

// The watch looks for the release when the lock is long gone.
void make_hold_destroy(const char* name) {
  auto* lock = reinterpret_cast<pthread_mutex_t*>(memory);
  CHECK(pthread_mutex_init(lock, nullptr) == 0);
  HOLDWATCH_NAME_LOCK(lock, name);
  hold(lock);
  CHECK(pthread_mutex_destroy(lock) == 0);
  await_report("released", reported);
}

}  // namespace

int main() {
  Thread("other", [] {}).join();
  hold(&stays);
  await_report("released", reported);
  make_hold_destroy("first");
  make_hold_destroy("second");
  hold(&stays);
  await_report("released", reported);
}
