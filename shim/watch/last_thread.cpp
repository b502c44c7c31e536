// See last_thread.h.
#include "shim/watch/last_thread.h"

#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>

#include <atomic>
#include <cstddef>

#include "shim/base/call_filter.h"
#include "shim/base/libc_functions.h"
#include "shim/base/system_call.h"
#include "shim/capture/task_files.h"
#include "shim/record/thread_table.h"
#include "shim/watch/own_thread.h"
#include "shim/watch/watcher.h"

namespace holdwatch {
namespace {

constexpr size_t kWatchThreads = 2;
constexpr size_t kLeader = 1;  // the main thread stays in the list as a zombie

bool g_exit_is_under_way = false;  // watcher only
std::atomic<size_t> g_our_threads{kWatchThreads};
std::atomic<bool> g_watcher_ends_process{false};

// What glibc does at the end of a process's last thread: its own exit, which no library's stands in front of there either.
// Exit handlers are the program's: they want a stack and signals as its threads have them.
void* exit_in_own_thread(void*) {
  const uint64_t none = 0;
  system_call(SYS_rt_sigprocmask, SIG_SETMASK, &none, nullptr, sizeof none);
  libc().exit(0);
  return nullptr;
}

// Attached to, we do not see the main thread leave unless it has taken a lock since.
bool leader_has_left() {
  if (main_thread_has_exited()) return true;
  if (g_our_threads.load() == kWatchThreads) return false;
  StatusFile status;
  if (read_status_file(static_cast<int>(system_call(SYS_getpid)), &status) != 0 || status.state != 'Z') return false;
  note_main_thread_exit();
  return true;
}

}  // namespace

void exit_if_last(bool is_leader) {
  const size_t leader_and_self = is_leader ? kLeader : kLeader + 1;
  if (!watch_is_on() || calls_filtered()) return;
  if (count_threads() <= g_our_threads.load() + leader_and_self) libc().exit(0);
  if (is_leader) watch_look();  // from now on the watcher looks more often
}

void end_process_without_threads() {
  if (g_exit_is_under_way || !leader_has_left() || count_threads() > g_our_threads.load() + kLeader) return;
  g_exit_is_under_way = true;
  pthread_t thread;
  if (create_thread(&thread, nullptr, exit_in_own_thread) == 0) return;
  g_watcher_ends_process.store(true);
  libc().exit(0);
}

void expect_attachment_thread(bool expected) {
  g_our_threads.store(kWatchThreads + (expected ? 1 : 0));
}

bool watcher_ends_process() {
  return g_watcher_ends_process.load();
}

}  // namespace holdwatch
