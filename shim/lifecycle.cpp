// The start order, fork and exit: the only file that knows them.
// Start context. The process usually has one thread here and has not reached main; libraries whose constructors ran
// earlier may have called our hooks already, which then resolved what they needed themselves.
#include <pthread.h>
#include <unistd.h>

#include <cstring>

#include "shim/base/options.h"
#include "shim/base/preload_variable.h"
#include "shim/base/say.h"
#include "shim/base/settings.h"
#include "shim/base/thread_mode.h"
#include "shim/interpose/begin_watch.h"
#include "shim/interpose/filter_hooks.h"
#include "shim/interpose/real_functions.h"
#include "shim/record/handed_over.h"
#include "shim/record/spare_memory.h"
#include "shim/record/thread_table.h"
#include "shim/watch/reporter.h"
#include "shim/watch/safe_point.h"
#include "shim/watch/symbolizer_link.h"
#include "shim/watch/watcher.h"

namespace holdwatch {
namespace {

Settings g_settings;

void begin_watch() {
  watch_begin(g_settings);
}

void before_fork() {
  reporter_before_fork();
}

void in_child() {
  const Inside inside;
  say_after_fork(own_tid());
  thread_table_after_fork();
  handed_over_after_fork();
  watch_after_fork();
}

// glibc gives every constructor what it gives main; the arguments stand above all frames of the first thread.
[[gnu::constructor]] void start(int, char** arguments) {
  const Inside inside;
  resolve_real_functions();
  say_start();
  remember_own_path();
  if (!options_load(&g_settings, environ)) return;
  if (!g_settings.follow) leave_preload_variable(environ, own_path());
  g_main_frames_end = reinterpret_cast<uintptr_t>(arguments);
  thread_table_start();
  refill_spares(false);
  pthread_atfork(before_fork, nullptr, in_child);
  g_begin_watch = begin_watch;
  g_before_filter = forbid_calls;
  g_after_failed_filter = allow_calls;
}

// After the program's exit handlers; usually the reporter has finished before, see reporter.cpp.
[[gnu::destructor]] void end() {
  const Inside inside;
  watch_end();
}

}  // namespace
}  // namespace holdwatch
