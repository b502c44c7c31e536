// The hold before a condition wait and the hold after it are two, each with its own start.
// RUN-ENV: HOLDWATCH_LIMIT=200ms
// EXPECT-JSON: len(over) == 2 and len(released) == 2 and held_by(e) == {"worker"}
// EXPECT-JSON: over[0]["episode"] != over[1]["episode"] and over[0]["lock"]["id"] == over[1]["lock"]["id"]
// EXPECT-JSON: frame(holder(over[0])["taken"], "work")["line"] == line("TAKEN BEFORE")
// EXPECT-JSON: frame(holder(over[1])["taken"], "work")["line"] == line("TAKEN AGAIN")
#include "tests/programs/harness.h"
using namespace harness;

pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
bool ready = false;
Event before, after;

OWN_FRAME void work() {
  pthread_mutex_lock(&mutex);  // TAKEN BEFORE
  before.wait();
  while (!ready) {
    pthread_cond_wait(&changed, &mutex);  // TAKEN AGAIN
  }
  after.wait();
  pthread_mutex_unlock(&mutex);
}

int main() {
  Thread worker("worker", work);
  await_report("over");
  before.fire();
  await_report("released");  // by the wait
  pthread_mutex_lock(&mutex);
  ready = true;
  pthread_mutex_unlock(&mutex);
  pthread_cond_signal(&changed);
  await_report("over", 2);
  after.fire();
  await_report("released", 2);
}
