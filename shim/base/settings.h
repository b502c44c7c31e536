// The options as values: what options.def's rows are parsed into.
// Any context may read it; only start writes it. Shared with the symbolizer.
#pragma once

#include <cstddef>
#include <cstdint>

namespace holdwatch {

inline constexpr size_t kTextOptionSize = 512;

enum class Only : uint8_t { all, contended };
enum class Stacks : uint8_t { callsite, automatic, full };
enum class ClockSource : uint8_t { automatic, tick, tsc };
enum class Symbolize : uint8_t { full, names, off };

inline constexpr int kSignalAuto = -1;
inline constexpr int kSignalOff = 0;

struct Settings {
  uint64_t limit_ns;
  uint64_t read_limit_ns;
  uint64_t wait_limit_ns;
  Only only;
  char log[kTextOptionSize];      // "stderr", "syslog", "journal", "none" or a path with placeholders
  char json[kTextOptionSize];     // empty or a path with placeholders
  bool lock_order;
  Stacks stacks;
  ClockSource clock;
  bool repeat;
  uint64_t rate;                  // reports a minute
  char suppress[kTextOptionSize];
  char exe[kTextOptionSize];      // glob on the program's name
  bool follow;
  char on_report[kTextOptionSize];  // "log", "abort" or "exec:PATH"
  int signal;                     // kSignalAuto, kSignalOff or a signal number
  Symbolize symbolize;
  bool summary;
  char metrics[kTextOptionSize];
  bool help;
};

}  // namespace holdwatch
