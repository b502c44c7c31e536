// See lost_wakeup.h.
#include "symbolizer/tools/inspect/lost_wakeup.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "shim/common/proc/thread_files.h"
#include "shim/common/waits/lost_wakeup.h"

namespace holdwatch {
namespace {

constexpr unsigned kLooks = 20;
constexpr std::chrono::milliseconds kBetweenLooks{40};

// In which function of the kernel it sleeps; empty if it does not sleep in a system call.
std::string sleeps_in(const Task& task, InspectTarget& target) {
  const ThreadFiles files = target.context(task.tid).files;
  const std::string status = files.text("status");
  const auto state = status_field(status, "State");
  const std::string channel = files.text("wchan");
  return task.snapshot.call.known && state && state->starts_with('S') ? channel : "";
}

bool is_queued(const Task& sleeper, InspectTarget& target) {
  return is_in_futex_queue(sleeps_in(sleeper, target)) && target.has_stayed(sleeper);
}

}  // namespace

bool is_wakeup_lost(InspectTarget& target, const Task& sleeper, const std::function<bool()>& is_free,
                    const std::function<bool(const Task&)>& may_be_in_handler) {
  const auto is_elsewhere = [&](const Task& task) {
    return task.tid == sleeper.tid || (sleeps_by_itself(sleeps_in(task, target)) && !may_be_in_handler(task));
  };
  std::vector<Task> pending;
  for (unsigned look = 0; look < kLooks; ++look) {
    if (look > 0) std::this_thread::sleep_for(kBetweenLooks);
    if (!is_free() || !is_queued(sleeper, target)) return false;
    std::vector<Task> tasks = target.tasks();
    if (tasks.size() > kMostThreadsLookedAt) return false;
    std::erase_if(tasks, [&](const Task& task) {
      const auto is_it = [&](const Task& one) { return one.tid == task.tid; };
      return (look > 0 && std::none_of(pending.begin(), pending.end(), is_it)) || is_elsewhere(task);
    });
    pending = std::move(tasks);
    if (!is_free() || !is_queued(sleeper, target)) return false;
    if (look + 1 >= kLeastLooksAtFreeLock && pending.empty()) return true;
  }
  return false;
}

}  // namespace holdwatch
