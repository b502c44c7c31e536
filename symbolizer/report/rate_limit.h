// RATE: at most so many reports in any minute, and a count of what was left out.
// Pure: the time is an argument. One thread.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <set>

#include "shim/common/contract/finding.h"

namespace holdwatch {

// What was left out, and over how long.
struct LeftOut {
  uint64_t reports;
  uint64_t period_ns;
};

class RateLimit {
 public:
  explicit RateLimit(uint64_t reports_a_minute) : limit_(reports_a_minute) {}

  // True if the report may be written. The end of a story whose beginning was written always may: there is at most one
  // for each, so that this cannot flood either.
  bool admit(Phase phase, uint64_t episode, uint64_t now_ns);

  // What was admitted last was not written after all: it counts as if it had never been.
  void withdraw();

  // What was left out and not yet said, once a minute at most; with `final` whatever there is. Counts anew afterwards.
  std::optional<LeftOut> take_left_out(uint64_t now_ns, bool final);

 private:
  uint64_t limit_;
  std::deque<uint64_t> admitted_;       // times within the last minute
  std::set<uint64_t> begun_;            // episodes whose beginning was written and whose end was not
  std::optional<uint64_t> last_begun_;  // by what was admitted last, and whether it took a place
  bool last_took_place_ = false;
  uint64_t left_out_ = 0;
  uint64_t left_out_since_ns_ = 0;
};

}  // namespace holdwatch
