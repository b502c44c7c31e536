// For programs that load plugin_that_waits.cpp, whose constructor waits for a lock of theirs while the loader's is held.
#pragma once

#include <libgen.h>
#include <pthread.h>
#include <unistd.h>

#include <climits>
#include <string>

#include "tests/programs/harness.h"

extern "C" [[gnu::visibility("default"), gnu::used]] inline pthread_mutex_t wanted_by_constructor =
    PTHREAD_MUTEX_INITIALIZER;
// Optional: called by the constructor first.
extern "C" [[gnu::visibility("default")]] void before_constructor_waits();

namespace harness {

// It is beside the program.
inline std::string plugin_that_waits() {
  char path[PATH_MAX] = "";
  CHECK(::readlink("/proc/self/exe", path, sizeof path - 40) > 0);
  return std::string(::dirname(path)) + "/libplugin_that_waits.so";
}

}  // namespace harness
