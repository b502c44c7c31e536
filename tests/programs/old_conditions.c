// The functions of conditions in their versions from before glibc 2.3.2, whose conditions have another layout: all of them, waiting and
// signalling, must go to the same version, or a signal would be lost.
// EXPECT-NOTHING
#include <pthread.h>
#include <stdio.h>

#define OLD(name) __asm__(".symver old_" #name ", " #name "@GLIBC_2.2.5")
OLD(pthread_cond_init);
OLD(pthread_cond_wait);
OLD(pthread_cond_signal);
OLD(pthread_cond_broadcast);
OLD(pthread_cond_destroy);
int old_pthread_cond_init(pthread_cond_t* condition, const pthread_condattr_t* attributes);
int old_pthread_cond_wait(pthread_cond_t* condition, pthread_mutex_t* mutex);
int old_pthread_cond_signal(pthread_cond_t* condition);
int old_pthread_cond_broadcast(pthread_cond_t* condition);
int old_pthread_cond_destroy(pthread_cond_t* condition);

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition;
static int turn;

static void* play(void* player) {
  const int own = player != NULL;
  for (int i = 0; i < 1000; ++i) {
    pthread_mutex_lock(&mutex);
    while (turn % 2 != own) old_pthread_cond_wait(&condition, &mutex);
    ++turn;
    i % 2 == 0 ? old_pthread_cond_signal(&condition) : old_pthread_cond_broadcast(&condition);
    pthread_mutex_unlock(&mutex);
  }
  return NULL;
}

int main(void) {
  if (old_pthread_cond_init(&condition, NULL) != 0) return 1;
  pthread_t players[2];
  pthread_create(&players[0], NULL, play, NULL);
  pthread_create(&players[1], NULL, play, &condition);
  for (int i = 0; i < 2; ++i) pthread_join(players[i], NULL);
  printf("%d turns, destroyed: %d\n", turn, old_pthread_cond_destroy(&condition));
  return 0;
}
