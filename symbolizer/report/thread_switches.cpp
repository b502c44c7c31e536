// See thread_switches.h.
#include "symbolizer/report/thread_switches.h"

#include <fmt/format.h>

#include <charconv>
#include <fstream>
#include <string>

namespace holdwatch {

std::optional<uint64_t> thread_switches(int tid) {
  std::ifstream file(fmt::format("/proc/self/task/{}/status", tid));
  uint64_t sum = 0;
  int found = 0;
  for (std::string line; std::getline(file, line);) {
    // "voluntary_ctxt_switches:\t17" and "nonvoluntary_ctxt_switches:\t3" (proc(5)).
    const size_t colon = line.find(':');
    if (colon == std::string::npos || !line.substr(0, colon).ends_with("voluntary_ctxt_switches")) continue;
    uint64_t count = 0;
    std::from_chars(line.data() + colon + 2, line.data() + line.size(), count);
    sum += count;
    ++found;
  }
  return found == 2 ? std::optional(sum) : std::nullopt;
}

}  // namespace holdwatch
