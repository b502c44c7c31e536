// What the table's commands are tried on: a thread that holds a mutex for 600 ms at a time, which another one waits for. Ends with
// status 7 after as many seconds as its argument says.
#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static time_t until;

static void hold_for_long(void) {
  pthread_mutex_lock(&mutex);
  usleep(600000);
  pthread_mutex_unlock(&mutex);
  usleep(10000);
}

static void* take_turns(void* unused) {
  while (time(NULL) < until) hold_for_long();
  return unused;
}

int main(int count, char** arguments) {
  pthread_t other;
  until = time(NULL) + (count > 1 ? atoi(arguments[1]) : 2);
  if (pthread_create(&other, NULL, take_turns, NULL) != 0) return 1;
  take_turns(NULL);
  pthread_join(other, NULL);
  return 7;
}
