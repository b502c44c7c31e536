// See placeholders.h.
#include "symbolizer/outputs/placeholders.h"

#include <unistd.h>

#include <algorithm>
#include <climits>
#include <ctime>

#include "shim/common/proc/thread_files.h"
#include "symbolizer/proc/proc_text.h"
#include "symbolizer/report/program_path.h"
#include "symbolizer/report/text_format.h"

namespace holdwatch {
namespace {

uint64_t clock_ns(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

uint64_t start_wall_ns() {
  const uint64_t start_ns = parse_start_time(read_text("/proc/self/stat")).value_or(0);
  return clock_ns(CLOCK_REALTIME) - clock_ns(CLOCK_BOOTTIME) + start_ns;
}

std::string without_slashes(std::string text) {
  std::replace(text.begin(), text.end(), '/', '_');
  return text;
}

}  // namespace

ProcessFacts current_process_facts() {
  ProcessFacts facts;
  facts.pid = getpid();
  facts.exe = current_program_path();
  facts.program = base_name(facts.exe);
  char host[HOST_NAME_MAX + 1] = {};
  if (gethostname(host, sizeof host - 1) == 0) facts.host = host;
  facts.start_wall_ns = start_wall_ns();
  return facts;
}

std::string expand_placeholders(std::string_view pattern, const ProcessFacts& facts) {
  std::string out;
  for (size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] != '%' || i + 1 == pattern.size()) {
      out += pattern[i];
      continue;
    }
    switch (pattern[++i]) {
      case 'p':
        out += std::to_string(facts.pid);
        break;
      case 'e':
        out += without_slashes(facts.program);
        break;
      case 'h':
        out += without_slashes(facts.host);
        break;
      case 't':
        out += format_time_compact(facts.start_wall_ns);
        break;
      case '%':
        out += '%';
        break;
      default:
        out += {'%', pattern[i]};
        break;
    }
  }
  return out;
}

}  // namespace holdwatch
