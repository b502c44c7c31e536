// A writer waits behind a reader, and where writers go first, later readers wait behind the writer: all are waiters of
// the one reader that holds the lock.
// RUN-ENV: HOLDWATCH_LIMIT=200ms
// EXPECT: ^holdwatch\[\d+\]: thread \d+ "reader" has held rwlock L\d+ for reading
// EXPECT: still held by \d+ "reader".*; 3 threads wait
// EXPECT-JSON: held_by(over + still) == {"reader"} and holder(still[-1])["mode"] == "shared"
// EXPECT-JSON: {w["mode"]: (w["count"], sorted(w["threads"])) for w in still[-1]["waiters"]} == {"exclusive": (1,
//     ["writer"]), "shared": (2, ["later", "latest"])}
#include "tests/programs/harness.h"
using namespace harness;

pthread_rwlock_t list = PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP;

OWN_FRAME void reads() {
  pthread_rwlock_rdlock(&list);
  pthread_rwlock_unlock(&list);
}

OWN_FRAME void writes() {
  pthread_rwlock_wrlock(&list);
  pthread_rwlock_unlock(&list);
}

int main() {
  Event locked, release;
  Thread reader("reader", [&] {
    pthread_rwlock_rdlock(&list);
    locked.fire();
    release.wait();
    pthread_rwlock_unlock(&list);
  });
  locked.wait();
  Thread writer("writer", writes);
  writer.wait_until_blocked_on(list);
  Thread later("later", reads), latest("latest", reads);
  later.wait_until_blocked_on(list);
  latest.wait_until_blocked_on(list);
  await_next_report("still");
  release.fire();
  await_report("released");
}
