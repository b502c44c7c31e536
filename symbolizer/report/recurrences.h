// What returns: a fault whose fingerprint was reported before is not shown in full again, but as one line with a count,
// in periods that grow. An episode that gets much worse than those before it is shown after all.
// Pure: the time is an argument. Cold context; one thread.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "shim/common/contract/finding.h"
#include "symbolizer/report/report.h"

namespace holdwatch {

class Recurrences {
 public:
  // Whether the text of such a report may be written before its fingerprint is known: not if a report about the same
  // place in the code was shown before, which this one may only repeat.
  bool is_new_place(const Finding& finding) const;

  // Decides how the report is shown in text: fills in `report.recurrence`. `now_ns` is monotonic.
  void note(const Finding& finding, Report& report, uint64_t now_ns);

  // One line for each fingerprint that has returned since the last line about it, at most kMaxLines, then their number. At the end
  // of the process of all, otherwise of those whose period is over.
  std::vector<std::string> take_untold();
  std::vector<std::string> take_untold(uint64_t now_ns);
  // When the next such period is over; UINT64_MAX: nothing has returned.
  uint64_t next_untold_ns() const;

 private:
  // All reports with one fingerprint.
  struct Fault {
    uint64_t first_episode = 0;
    uint64_t times = 0;
    uint64_t longest_ns = 0;  // of those that were shown or have ended
    uint64_t lost_ns = 0;     // of those that have ended
    uint64_t told_times = 0;
    uint64_t told_ns = 0;
    uint64_t period_ns = 0;  // until the next line
  };
  struct OpenEpisode {
    std::string fingerprint;
    uint64_t age_ns = 0;
    bool is_shown = false;
  };

  ShownAs note_beginning(const Finding& finding, const Report& report, uint64_t now_ns);
  ShownAs note_going_on(OpenEpisode& episode, const Report& report);
  ShownAs note_end(OpenEpisode& episode, const Report& report);
  ShownAs tell(Fault& fault, uint64_t now_ns);
  static void begin_period(Fault& fault, uint64_t now_ns);
  template <typename Matches>
  std::vector<std::string> take_untold(Matches matches);
  void forget_oldest();

  std::map<std::string, Fault> faults_;       // by fingerprint
  std::map<uint64_t, OpenEpisode> episodes_;  // by number
  std::set<uintptr_t> places_;                // see is_new_place
};

}  // namespace holdwatch
