// The current time of the scheduler's clocks, one for each processor.
// Cold context. A clock can be read only on its own processor, so a thread of ours moves there for a moment; if that is
// not allowed, or the thread does not get to run there within a second, that clock is unknown.
#pragma once

#include <chrono>
#include <cstdint>
#include <istream>
#include <map>
#include <optional>
#include <vector>

namespace holdwatch {

class SchedulerClocks {
 public:
  // The time on these processors' clocks, or a little earlier; nothing if one of them is unknown.
  std::optional<std::vector<uint64_t>> now_ns(const std::vector<unsigned>& processors);

  // The processors that are online; none if the kernel does not show them.
  static std::vector<unsigned> online();
  // Those listed in /proc/stat: for when /sys is not mounted, as in many chroots.
  static std::vector<unsigned> listed_in(std::istream& stat);

 private:
  struct Reading {
    std::chrono::steady_clock::time_point since;
    std::optional<uint64_t> value;  // nothing: unknown
  };
  bool is_wanted(unsigned processor) const;
  void read(const std::vector<unsigned>& processors);

  std::map<unsigned, Reading> readings_;
};

}  // namespace holdwatch
