// See thread_sleep.h.
#include "symbolizer/tools/scheduler/thread_sleep.h"

#include <sys/utsname.h>

#include <optional>
#include <string>

#include "shim/common/proc/thread_files.h"
#include "symbolizer/proc/proc_text.h"
#include "symbolizer/tools/scheduler/last_run.h"

namespace holdwatch {
namespace {

// The processor that the thread is assigned to (proc_pid_stat(5)).
std::optional<unsigned> processor_of(const std::string& stat) {
  constexpr int kProcessor = 39;
  const auto number = stat_number(stat, kProcessor);
  return number ? std::optional(static_cast<unsigned>(*number)) : std::nullopt;
}

std::string kernel_release() {
  utsname kernel{};
  uname(&kernel);
  return kernel.release;
}

}  // namespace

// If it may have been moved since it ran, it went to sleep by one of the clocks, and only the smallest difference is
// certain.
uint64_t ThreadSleep::asleep_ns(int pid, int tid) {
  const auto last = parse_last_run(read_text(thread_file(pid, tid, "sched")));
  const auto processor = processor_of(read_text(thread_file(pid, tid, "stat")));
  if (!last || !processor) return 0;
  const bool is_where_it_ran = left_queue_at_once(*last) || !may_move_asleep(kernel_release());
  const auto now_ns = clocks_.now_ns(is_where_it_ran ? std::vector{*processor} : SchedulerClocks::online());
  return now_ns ? surely_asleep_ns(*last, *now_ns) : 0;
}

}  // namespace holdwatch
