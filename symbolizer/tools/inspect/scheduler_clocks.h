// What the scheduler's clocks say now, one for each processor.
// Cold context. A clock can be read only on its own processor, so a thread of ours goes there for a moment; where it may not
// go, or does not come to run within a second, that clock is unknown.
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
  // The time on these processors' clocks, or a little before; nothing if one of them is unknown.
  std::optional<std::vector<uint64_t>> now_ns(const std::vector<unsigned>& processors);

  // The processors that there are; none if the kernel does not tell.
  static std::vector<unsigned> online();
  // Those of /proc/stat: where /sys is not mounted, as in many a chroot.
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
