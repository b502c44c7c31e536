// The values of the options: one field for each row of options.def.
// Any context may read it; only start writes it. Shared with the symbolizer.
#pragma once

#include <cstddef>
#include <cstdint>

namespace holdwatch {

inline constexpr size_t kTextOptionSize = 512;

enum class Only : uint8_t { all, contended, automatic };
enum class ColorWhen : uint8_t { automatic, always, never };
enum class Stacks : uint8_t { callsite, automatic, full };
enum class ClockSource : uint8_t { automatic, tick, tsc };
enum class Symbolize : uint8_t { full, names, off };

inline constexpr int kSignalAuto = -1;
inline constexpr int kSignalOff = 0;

// The kinds used in options.def: how an option's text is parsed, and the type of its field.
namespace option_kind {
struct duration {  // nanoseconds, 0 is off
  using type = uint64_t;
};
struct count {
  using type = uint64_t;
};
struct toggle {
  using type = bool;
};
struct signal_choice {  // kSignalAuto, kSignalOff or a signal number
  using type = int;
};
template <typename Enum>
struct choice {
  using type = Enum;
};
struct destination {  // one of the row's words, or a path with placeholders
  using type = char[kTextOptionSize];
};
struct optional_destination {  // empty, or a path with placeholders
  using type = char[kTextOptionSize];
};
struct optional_file {  // empty, or a path
  using type = char[kTextOptionSize];
};
struct glob {  // a pattern for glob_matches
  using type = char[kTextOptionSize];
};
struct action {  // "log", "abort" or "exec:PATH"
  using type = char[kTextOptionSize];
};
}  // namespace option_kind

// Holds limit_ns, read_limit_ns, wait_limit_ns, only, log, json ...: one field a row.
struct Settings {
#define HOLDWATCH_OPTION(kind, field, name, fallback, values, available, help) option_kind::kind::type field;
#include "shim/common/contract/options.def"
#undef HOLDWATCH_OPTION

  // No option: the process was running already. What was before is not in the records.
  bool is_attachment;
};

}  // namespace holdwatch
