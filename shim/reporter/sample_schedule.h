// When the holders of reported locks are to be sampled. A running thread is interrupted for that by a signal, by reports as
// well: so samples of a thread are at least a second apart, from each other and from the captures for reports.
// Pure: times are arguments. Cold context (reporter).
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "shim/inspection/lock_state.h"
#include "shim/timing/overdue.h"

namespace holdwatch {

struct SampledHold {
  uint64_t episode;  // 0: none
  HolderState holder;
  uint64_t started_ns;  // the latest possible beginning of the hold
  uint64_t limit_ns;
  uint64_t last_ns;   // when its last sample was captured
  uint64_t due_ns;    // kNever: it has none yet
  uintptr_t seen_sp;  // the stack pointer at the last sample; 0: not known
};

class SampleSchedule {
 public:
  static constexpr size_t kMax = 16;  // of more, those followed for longest are dropped
  static constexpr uint64_t kShortestNs = 1'000'000'000;
  // How much later than at a multiple of its limit a hold is reported, at most, on a machine that is not overloaded.
  static constexpr uint64_t kReportDelayNs = 200'000'000;
  static constexpr uint64_t kNever = UINT64_MAX;

  // Follows another hold.
  void add(uint64_t episode, const HolderState& holder, uint64_t started_ns, uint64_t limit_ns) {
    SampledHold& place = *std::min_element(
        holds_, holds_ + kMax, [](const SampledHold& a, const SampledHold& b) { return a.episode < b.episode; });
    place = {episode, holder, started_ns, limit_ns, 0, kNever, 0};
  }
  bool has(uint64_t episode, const Identity& hold) const {
    return std::any_of(holds_, holds_ + kMax, [&](const SampledHold& each) {
      return each.episode == episode && each.holder.hold.identity == hold;
    });
  }
  template <typename Matches>
  void drop_if(Matches matches) {
    for (SampledHold& hold : holds_)
      if (hold.episode != 0 && matches(hold)) hold.episode = 0;
  }
  void clear() {
    drop_if([](const SampledHold&) { return true; });
  }

  // Visits the holds of which a capture of the thread is a sample: new ones, and those that would have one within the next
  // second. `visit` returns after how long the hold is to be sampled again. With a short limit, the first reports follow each
  // other faster than samples; those between two samples only put the next one off.
  template <typename Visit>
  void captured(int tid, uint64_t now_ns, Visit visit) {
    for (SampledHold& hold : holds_) {
      if (hold.episode == 0 || hold.holder.hold.tid != tid) continue;
      const bool is_new = hold.due_ns == kNever;
      if (!is_new && hold.due_ns >= now_ns + kShortestNs) continue;
      if (!is_new && now_ns < hold.last_ns + kShortestNs) {
        hold.due_ns = now_ns + kShortestNs;
      } else {
        hold.last_ns = now_ns;
        hold.due_ns = now_ns + visit(hold);
      }
    }
  }

  // The next one, and when. Null if none is followed. While a report is about to capture the thread, that is waited for.
  SampledHold* next(uint64_t* due_ns) {
    SampledHold* first = nullptr;
    *due_ns = kNever;
    for (SampledHold& hold : holds_) {
      if (hold.episode == 0) continue;
      const uint64_t hold_due_ns = after_report(hold, hold.due_ns);
      if (first == nullptr || hold_due_ns < *due_ns) first = &hold, *due_ns = hold_due_ns;
    }
    return first;
  }

 private:
  static uint64_t after_report(const SampledHold& hold, uint64_t due_ns) {
    if (due_ns == kNever || due_ns < hold.started_ns + kReportDelayNs) return due_ns;
    const uint64_t age_ns = due_ns - hold.started_ns;
    const uint64_t report_age_ns = next_report_age_ns(age_ns - kReportDelayNs, hold.limit_ns);
    if (report_age_ns >= age_ns + kShortestNs) return due_ns;
    return hold.started_ns + report_age_ns + kReportDelayNs;
  }

  SampledHold holds_[kMax] = {};
};

}  // namespace holdwatch
