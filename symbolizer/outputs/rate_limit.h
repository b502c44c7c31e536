// RATE: a maximum number of reports in any minute, and a count of the suppressed ones.
// Pure: the time is an argument. One thread.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <set>

#include "shim/common/contract/finding.h"

namespace holdwatch {

// How many reports were suppressed, and in how much time.
struct LeftOut {
  uint64_t reports;
  uint64_t period_ns;
};

class RateLimit {
 public:
  explicit RateLimit(uint64_t reports_a_minute) : limit_(reports_a_minute) {}

  // True if the report may be written. The closing line of an episode is allowed if, and only if, its beginning was not
  // left out: there is at most one for each, so they cannot flood the log either. `is_urgent`: it tells of what can
  // never end; that is allowed too, and counts for nothing, so that it is not lost behind reports of long holds.
  bool admit(Phase phase, uint64_t episode, uint64_t now_ns, bool is_urgent = false);

  // Whether the last admitted report is the first of its episode that is shown, also if others were left out before.
  bool begins() const { return last_begun_.has_value(); }

  // The last admitted report was not written after all, by a rule or since it was no longer true: it no longer counts, and
  // neither does the end of its episode.
  void withdraw();

  // The suppressed reports that were not mentioned yet, at most once per minute; with `final`, immediately. Resets the
  // count.
  std::optional<LeftOut> take_left_out(uint64_t now_ns, bool final);

 private:
  uint64_t limit_;
  std::deque<uint64_t> admitted_;       // times within the last minute
  std::set<uint64_t> begun_;            // episodes whose beginning was written and whose end was not
  std::set<uint64_t> unbegun_;          // episodes whose beginning was left out and whose end was not seen
  std::set<uint64_t> withdrawn_;        // the same of those whose beginning was withdrawn
  std::optional<uint64_t> last_begun_;  // the last admitted report's episode, if this was its beginning
  bool last_took_place_ = false;
  uint64_t left_out_ = 0;
  uint64_t left_out_since_ns_ = 0;
};

}  // namespace holdwatch
