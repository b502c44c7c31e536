// See last_thread.h.
#include "shim/watch/last_thread.h"

#include <pthread.h>
#include <signal.h>

#include <atomic>
#include <cstddef>
#include <cstdlib>

#include "shim/base/call_filter.h"
#include "shim/capture/task_files.h"
#include "shim/record/thread_table.h"
#include "shim/watch/watcher.h"

namespace holdwatch {
namespace {

constexpr size_t kOurThreads = 2;
constexpr size_t kLeader = 1;  // the main thread stays in the list as a zombie

bool g_exit_is_under_way = false;  // watcher only
std::atomic<bool> g_watcher_ends_process{false};

// Exit handlers are the program's: they want a stack and signals as its threads have them.
void* exit_in_own_thread(void*) {
  sigset_t none;
  sigemptyset(&none);
  pthread_sigmask(SIG_SETMASK, &none, nullptr);
  exit(0);
}

}  // namespace

void exit_if_last(bool is_leader) {
  const size_t leader_and_self = is_leader ? kLeader : kLeader + 1;
  if (!watch_is_on() || calls_filtered()) return;
  if (count_threads() <= kOurThreads + leader_and_self) exit(0);
  if (is_leader) watch_look();  // from now on the watcher looks more often
}

void end_process_without_threads() {
  if (g_exit_is_under_way || !main_thread_has_exited() || count_threads() > kOurThreads + kLeader) return;
  g_exit_is_under_way = true;
  pthread_t thread;
  if (pthread_create(&thread, nullptr, exit_in_own_thread, nullptr) == 0) return;
  g_watcher_ends_process.store(true);
  exit(0);
}

bool watcher_ends_process() {
  return g_watcher_ends_process.load();
}

}  // namespace holdwatch
