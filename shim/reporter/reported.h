// What has been reported of the latest episodes: whether there was a first report, and which waiters reports have
// shown.
// Cold context (reporter); pure.
//
// The watcher counts waiters when it scans. A report is made a moment later, and may name a waiter that arrived in
// between and is gone before the next scan: the closing line must not say that there were no waiters.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "shim/common/contract/finding.h"

namespace holdwatch {

class ReportedEpisodes {
 public:
  bool has(uint64_t episode) const { return entry(episode).episode == episode; }
  // Its first report was suppressed by RATE.
  void note(uint64_t episode) {
    if (!has(episode)) entry(episode) = {episode, 0, 0, {}, 0};
  }
  void note(const Finding& finding) {
    note(finding.episode);
    Entry& told = entry(finding.episode);
    const size_t waiters = finding.waiter_count + finding.waiters_left_out;
    uint64_t waited_ns = 0;
    for (size_t i = 0; i < finding.waiter_count; ++i) waited_ns += finding.waiters[i].waited_ns;
    told.waiters = std::max(told.waiters, waiters);
    told.waited_ns = std::max(told.waited_ns, waited_ns);
    if (finding.lock.kind == LockKind::condition && finding.lock_id != 0) {
      told.condition = finding.lock;
      told.condition_id = finding.lock_id;
    }
  }
  // Adds the waiters that the watcher has not seen to its count, and the condition that they have waited for.
  void complete(Finding& finding) const {
    if (!has(finding.episode)) return;
    const Entry& told = entry(finding.episode);
    finding.threads_delayed = std::max(finding.threads_delayed, told.waiters);
    finding.lost_ns = std::max(finding.lost_ns, told.waited_ns);
    if (finding.lock.kind != LockKind::condition || told.condition_id == 0) return;
    finding.lock = told.condition;
    finding.lock_id = told.condition_id;
  }

 private:
  struct Entry {
    uint64_t episode;
    size_t waiters;      // the largest number at one time
    uint64_t waited_ns;  // all together
    LockRef condition;   // of condition waits
    uint32_t condition_id;
  };
  static constexpr size_t kEntries = 1024;

  Entry& entry(uint64_t episode) { return entries_[episode % kEntries]; }
  const Entry& entry(uint64_t episode) const { return entries_[episode % kEntries]; }

  Entry entries_[kEntries] = {};
};

}  // namespace holdwatch
