// See earlier_sleeps.h. Only voluntary switches show that a thread has slept: it may also be preempted on its way to a
// stop and back. Each stop is one.
#include "symbolizer/tools/attach/earlier_sleeps.h"

#include <algorithm>
#include <chrono>
#include <thread>

#include "shim/common/proc/thread_files.h"
#include "symbolizer/proc/monotonic_clock.h"
#include "symbolizer/proc/proc_text.h"

namespace holdwatch::attach {
namespace {

std::optional<StatusFile> status_of(int pid, int tid) {
  StatusFile status;
  const bool is_known = parse_status(read_text(thread_file(pid, tid, "status")), &status);
  return is_known ? std::optional(status) : std::nullopt;
}

bool sleeps(const StatusFile& status) {
  return status.state == 'S' || status.state == 'D';
}

}  // namespace

EarlierSleeps::EarlierSleeps(int pid) : pid_(pid) {
  for (const int tid : thread_ids(pid)) {
    const auto before = status_of(pid, tid);
    if (!before || !sleeps(*before)) continue;
    const uint64_t now_ns = monotonic_now_ns();
    const uint64_t asleep_ns = sleep_.asleep_ns(pid, tid);
    const auto after = status_of(pid, tid);
    if (asleep_ns == 0 || asleep_ns > now_ns || !after || after->switches() != before->switches()) continue;
    const int innermost = before->innermost_tid == 0 ? tid : before->innermost_tid;
    sleepers_.push_back({tid, innermost, now_ns - asleep_ns, before->voluntary_switches});
    if (sleepers_.size() == kMaxEarlierSleeps) return;
  }
}

EarlierSleeps::Sleeper* EarlierSleeps::find(int tid) {
  const auto found =
      std::find_if(sleepers_.begin(), sleepers_.end(), [tid](const Sleeper& one) { return one.tid == tid; });
  return found == sleepers_.end() ? nullptr : &*found;
}

// The stop is the one switch that may have been added.
void EarlierSleeps::begin_use(int tid) {
  Sleeper* const sleeper = find(tid);
  if (sleeper == nullptr) return;
  const auto status = status_of(pid_, tid);
  if (status && status->voluntary_switches == sleeper->voluntary_switches + 1) return;
  sleepers_.erase(sleepers_.begin() + (sleeper - sleepers_.data()));
}

// It goes to sleep once more. If its call ends at this very moment and it makes the same call again, that is not seen.
void EarlierSleeps::end_use(int tid) {
  Sleeper* const sleeper = find(tid);
  if (sleeper == nullptr) return;
  const auto status = status_of(pid_, tid);
  sleeper->voluntary_switches = status ? status->voluntary_switches + 1 : 0;
  used_ = tid;
}

// The one that was used last gets as far as its call soon, if the processors are not busy.
void EarlierSleeps::await_used() {
  constexpr int kLooks = 250;
  constexpr std::chrono::milliseconds kBetween{2};
  const Sleeper* const sleeper = find(used_);
  for (int look = 0; look < kLooks && sleeper != nullptr; ++look) {
    const auto status = status_of(pid_, used_);
    if (!status || status->voluntary_switches >= sleeper->voluntary_switches) return;
    std::this_thread::sleep_for(kBetween);
  }
}

std::vector<EarlierSleep> EarlierSleeps::still_asleep() {
  await_used();
  std::vector<EarlierSleep> sleeps_now;
  for (const Sleeper& sleeper : sleepers_) {
    const auto status = status_of(pid_, sleeper.tid);
    if (!status || !sleeps(*status) || status->voluntary_switches != sleeper.voluntary_switches) continue;
    sleeps_now.push_back({monotonic_now_ns() - sleeper.since_ns, status->switches(), sleeper.innermost_tid});
  }
  return sleeps_now;
}

}  // namespace holdwatch::attach
