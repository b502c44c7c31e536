// See own_file_lock.h.
#include "symbolizer/waits/own_file_lock.h"

#include <algorithm>
#include <map>

#include "symbolizer/proc/proc_text.h"

namespace holdwatch {
namespace {

class Threads {
 public:
  Threads(int waiter, const std::function<std::optional<Wait>(int tid)>& wait_of)
      : waiter_(waiter), wait_of_(wait_of) {}

  bool leads_to_waiter(int tid, size_t most) {
    for (size_t steps = 0; steps <= most; ++steps) {
      if (tid == waiter_) return true;
      const std::optional<Wait>& wait = wait_of(tid);
      const Ender* const next = wait && !ends_by_timeout(*wait) ? only_thread(*wait) : nullptr;
      if (next == nullptr || is_guess(next->evidence)) return false;
      tid = next->tid;
    }
    return false;
  }

  bool joins(int tid) { return wait_of(tid)->kind == WaitKind::join; }

 private:
  const std::optional<Wait>& wait_of(int tid) {
    const auto known = waits_.find(tid);
    return known != waits_.end() ? known->second : waits_[tid] = wait_of_(tid);
  }

  const int waiter_;
  const std::function<std::optional<Wait>(int tid)>& wait_of_;
  std::map<int, std::optional<Wait>> waits_;
};

}  // namespace

std::vector<int> threads_of_program(int pid) {
  std::vector<int> threads = thread_ids(pid);
  std::erase_if(threads, [pid](int tid) { return read_text(thread_file(pid, tid, "comm")).starts_with("holdwatch"); });
  return threads;
}

int likely_holder_of_own_file_lock(int waiter, const std::vector<int>& others,
                                   const std::function<std::optional<Wait>(int tid)>& wait_of) {
  Threads threads(waiter, wait_of);
  const auto is_stuck = [&](int tid) { return threads.leads_to_waiter(tid, others.size()); };
  if (!std::all_of(others.begin(), others.end(), is_stuck)) return 0;
  int found = 0;
  for (const int tid : others) {
    if (threads.joins(tid)) continue;
    if (found != 0) return 0;
    found = tid;
  }
  return found;
}

void add_likely_holder(Wait& wait, int tid, const std::string& name) {
  Ender& ender = wait.enders[wait.ender_count++] = {0, tid, Evidence::stack, {}};
  name.copy(ender.thread, kThreadNameSize - 1);
}

}  // namespace holdwatch
