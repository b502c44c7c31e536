// What the programs of this directory have in common, in C or C++: named threads that come to rest one after another, and the known
// answer as lines of JSON, checked against the lock's own fields before anybody waits for it. Test code only.
#ifndef HOLDWATCH_TESTS_LIVE_GUARDS_STAGE_H
#define HOLDWATCH_TESTS_LIVE_GUARDS_STAGE_H
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define NOINLINE __attribute__((noinline, noclone, unused))
#if defined(__clang__)
#undef NOINLINE
#define NOINLINE __attribute__((noinline, unused))
#endif
#define STAGE_UNUSED __attribute__((unused))

// The compiler must not know what is in these.
static volatile int one = 1, zero = 0, sink = 0;

struct stage_thread {
  const char* name;
  pid_t tid;
  pthread_t id;
  void* (*body)(void*);
  void* argument;
};
static struct stage_thread stage_threads[1024] STAGE_UNUSED;
static int stage_thread_count STAGE_UNUSED = 0;

STAGE_UNUSED static void stage_fail(const char* why, const char* what) {
  fprintf(stderr, "the program does not come to rest as it should: %s %s\n", why, what);
  _exit(1);
}

STAGE_UNUSED static void* stage_run(void* argument) {
  struct stage_thread* self = (struct stage_thread*)argument;
  pthread_setname_np(pthread_self(), self->name);
  __atomic_store_n(&self->tid, (pid_t)syscall(SYS_gettid), __ATOMIC_RELEASE);
  return self->body(self->argument);
}

// Returns once the thread has been found three times in a row in the same system call, with the same stack pointer.
STAGE_UNUSED static void stage_settle(pid_t tid) {
  char path[64], before[256] = "", now[256];
  snprintf(path, sizeof path, "/proc/self/task/%d/syscall", tid);
  for (int same = 0, looks = 0; same < 3; ++looks) {
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    const ssize_t size = file < 0 ? -1 : read(file, now, sizeof now - 1);
    if (file >= 0) close(file);
    if (size <= 0 || looks > 60000) stage_fail("thread", path);
    now[size] = '\0';
    same = strncmp(now, "running", 7) != 0 && strcmp(now, before) == 0 ? same + 1 : 0;
    strcpy(before, now);
    usleep(1000);
  }
}

// Starts a thread, and returns when it is blocked.
STAGE_UNUSED static void stage_start(const char* name, void* (*body)(void*), void* argument) {
  struct stage_thread* next = &stage_threads[stage_thread_count++];
  next->name = name;
  next->body = body;
  next->argument = argument;
  if (pthread_create(&next->id, NULL, stage_run, next) != 0) stage_fail("no thread", name);
  while (__atomic_load_n(&next->tid, __ATOMIC_ACQUIRE) == 0) usleep(500);
  stage_settle(next->tid);
}

STAGE_UNUSED static pid_t stage_tid(const char* name) {
  for (int i = 0; i < stage_thread_count; ++i)
    if (strcmp(stage_threads[i].name, name) == 0) return stage_threads[i].tid;
  stage_fail("no thread", name);
  return 0;
}

enum stage_kind { STAGE_READ, STAGE_WRITE, STAGE_MUTEX };
struct stage_holder {
  const char* thread;
  const char* functions;  // names with spaces between: each of them is right
  const char* how;        // "guard" if the frame's exception table releases it, "code" if only the code that follows
  int times;              // that it has the lock
};

// Says who holds this lock. To be called before anybody waits for it.
STAGE_UNUSED static void stage_answer(const char* name, void* lock, enum stage_kind kind,
                                      const struct stage_holder* holders, int count) {
  int times = 0;
  for (int i = 0; i < count; ++i) times += holders[i].times;
  const pthread_rwlock_t* rwlock = (const pthread_rwlock_t*)lock;
  const pthread_mutex_t* mutex = (const pthread_mutex_t*)lock;
  if (kind == STAGE_READ && (int)(rwlock->__data.__readers >> 3) != times) stage_fail("readers of", name);
  if (kind == STAGE_WRITE && rwlock->__data.__cur_writer != stage_tid(holders[0].thread)) stage_fail("writer of", name);
  if (kind == STAGE_MUTEX && mutex->__data.__owner != stage_tid(holders[0].thread)) stage_fail("owner of", name);
  printf("{\"lock\": \"%s\", \"address\": \"0x%lx\", \"holders\": [", name, (unsigned long)lock);
  for (int i = 0; i < count; ++i)
    printf("%s{\"thread\": \"%s\", \"tid\": %d, \"mode\": \"%s\", \"functions\": \"%s\", \"how\": \"%s\"}",
           i ? ", " : "", holders[i].thread, stage_tid(holders[i].thread), kind == STAGE_READ ? "shared" : "exclusive",
           holders[i].functions, holders[i].how);
  printf("]}\n");
}

// Says that all threads have come to rest, and lets them; returns if they end.
STAGE_UNUSED static void stage_ready(void) {
  printf("ready\n");
  fflush(stdout);
  for (int i = 0; i < stage_thread_count; ++i) pthread_join(stage_threads[i].id, NULL);
}

// Says that this thread, and others of which it is said, must be found waiting for this lock.
STAGE_UNUSED static void stage_waits(const char* name, void* lock, const char* thread) {
  printf("{\"lock\": \"%s\", \"address\": \"0x%lx\", \"waiter\": %d}\n", name, (unsigned long)lock, stage_tid(thread));
}

// Ways to block. None of them returns; the compiler does not know.
STAGE_UNUSED static int stage_pipe(void) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) stage_fail("no", "pipe");
  return ends[0];
}
STAGE_UNUSED static int stage_full_socket(void) {
  int ends[2];
  char bytes[4096] = {0};
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) stage_fail("no", "socket");
  while (send(ends[0], bytes, sizeof bytes, MSG_DONTWAIT) > 0) {
  }
  return ends[0];
}
STAGE_UNUSED static void* stage_pause(void* argument) {
  for (;;) pause();
  return argument;
}
#endif
