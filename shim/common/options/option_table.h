// The rows of options.def as data: names, texts, and how each option is read into and written from Settings.
// Any context. Prints nothing itself: the code that reads an option reports what was wrong with it.
#pragma once

#include <cstddef>
#include <string_view>

#include "shim/common/contract/settings.h"
#include "shim/common/text/text_buffer.h"

namespace holdwatch {

enum class Available : unsigned char { now, later };

struct OptionRow {
  std::string_view name;      // "READ_LIMIT"
  std::string_view fallback;  // the default, as text
  std::string_view values;    // its possible values, as text
  std::string_view help;
  Available available;

  // Parses `text` into the option's field. Returns null, or the reason why that failed; the field is then unchanged.
  const char* (*read)(std::string_view text, const OptionRow& row, Settings& settings);
  // Appends the field's value in the form used in a configuration file.
  void (*write)(const Settings& settings, const OptionRow& row, TextBuffer& out);
};

inline constexpr size_t kOptionCount = 0
#define HOLDWATCH_OPTION(...) +1
#include "shim/common/contract/options.def"
#undef HOLDWATCH_OPTION
    ;

extern const OptionRow kOptions[kOptionCount];

// The position of each row in kOptions.
enum class OptionIndex : size_t {
#define HOLDWATCH_OPTION(kind, field, name, ...) name,
#include "shim/common/contract/options.def"
#undef HOLDWATCH_OPTION
};

// Sets every field to its default.
void set_defaults(Settings& settings);

// Sets READ_LIMIT to LIMIT, and WAIT_LIMIT to five times LIMIT, unless they were given.
void derive_limits(Settings& settings, bool read_limit_given, bool wait_limit_given);

// The row of that name, ignoring case; null if there is none.
const OptionRow* find_option(std::string_view name);

// The row with the name most similar to `name`, counting letters that are added, missing, changed or swapped; null if
// more than half of the letters would be wrong.
const OptionRow* nearest_option(std::string_view name);

}  // namespace holdwatch
