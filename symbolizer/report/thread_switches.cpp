// See thread_switches.h.
#include "symbolizer/report/thread_switches.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <string>

namespace holdwatch {

std::optional<uint64_t> count_switches(std::string_view status) {
  uint64_t sum = 0;
  int found = 0;
  while (!status.empty()) {
    const std::string_view line = status.substr(0, status.find('\n'));
    status.remove_prefix(std::min(line.size() + 1, status.size()));
    // "voluntary_ctxt_switches:\t17" and "nonvoluntary_ctxt_switches:\t3" (proc(5)).
    const size_t colon = line.find(":\t");
    if (colon == std::string_view::npos || !line.substr(0, colon).ends_with("voluntary_ctxt_switches")) continue;
    uint64_t count = 0;
    std::from_chars(line.data() + colon + 2, line.data() + line.size(), count);
    sum += count;
    ++found;
  }
  return found == 2 ? std::optional(sum) : std::nullopt;
}

std::optional<uint64_t> thread_switches(int tid) {
  std::ifstream file(fmt::format("/proc/self/task/{}/status", tid));
  std::string text;
  std::getline(file, text, '\0');
  return count_switches(text);
}

}  // namespace holdwatch
