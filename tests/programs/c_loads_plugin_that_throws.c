// A C program, with no C++ library of its own, is reported, and then loads a C++ plugin that throws and catches: the
// plugin's exceptions are handled by the C++ library that it brings, not by anything that came with us. Nothing of that is
// to be found by its name either.
// RUN-ENV: HOLDWATCH_LIMIT=300ms
// EXPECT-JSON: [event["lock"]["id"] for event in over].count("L1") == 2
#define _GNU_SOURCE
#include <dlfcn.h>
#include <libgen.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/programs/await_reports.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void* hold(void* reports) {
  pthread_mutex_lock(&lock);
  await_reports("over", *(int*)reports);
  pthread_mutex_unlock(&lock);
  return NULL;
}

int main(void) {
  char path[PATH_MAX] = "";
  if (readlink("/proc/self/exe", path, sizeof path - 30) < 0) return 2;
  strcat(dirname(path), "/libthrowing_plugin.so");
  for (int round = 0; round < 2; ++round) {
    pthread_t thread;
    int reports = round + 1;
    if (pthread_create(&thread, NULL, hold, &reports) != 0) return 3;
    pthread_join(thread, NULL);  // by now our libraries have come, with a C++ library among them
    void* plugin = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (plugin == NULL) {
      puts(dlerror());
      return 4;
    }
    int (*throws)(int) = NULL;
    *(void**)&throws = dlsym(plugin, "throws_and_catches");  // as dlsym's manual page does it
    printf("%d\n", throws(1000));
    dlclose(plugin);
    printf("found: %d %d\n", dlsym(RTLD_DEFAULT, "_Unwind_RaiseException") != NULL,
           dlsym(RTLD_DEFAULT, "dwarf_begin") != NULL);
  }
  return 0;
}
