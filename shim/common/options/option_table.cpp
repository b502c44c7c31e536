// The rows of options.def as data: names, texts, and how each option is read into and written from Settings.
// Any context. Prints nothing itself: the code that reads an option reports what was wrong with it.
#include "shim/common/options/option_table.h"

#include <cstdint>

#include "shim/common/options/option_values.h"

namespace holdwatch {
namespace {

// One pair of read and write per kind. The first parameter only picks the overload.

const char* read_number(std::string_view text, const OptionRow& row, Parsed<uint64_t> (*parse)(std::string_view),
                        uint64_t& field) {
  const Parsed<uint64_t> number = parse(text);
  if (!number.ok()) return number.reason;
  if (!range_in(row.values, parse).contains(number.value)) return "out of range";
  field = number.value;
  return nullptr;
}

const char* read(option_kind::duration, std::string_view text, const OptionRow& row, uint64_t& field) {
  const Parsed<uint64_t> duration = parse_duration(text);
  if (duration.ok() && duration.value == 0) {
    field = 0;
    return nullptr;
  }
  return read_number(text, row, parse_duration, field);
}

void write(option_kind::duration, const uint64_t& field, const OptionRow&, TextBuffer& out) {
  write_duration(field, out);
}

const char* read(option_kind::count, std::string_view text, const OptionRow& row, uint64_t& field) {
  return read_number(text, row, parse_count, field);
}

void write(option_kind::count, const uint64_t& field, const OptionRow&, TextBuffer& out) {
  out << field;
}

const char* read(option_kind::toggle, std::string_view text, const OptionRow&, bool& field) {
  if (text != "0" && text != "1") return "must be 0 or 1";
  field = text == "1";
  return nullptr;
}

void write(option_kind::toggle, const bool& field, const OptionRow&, TextBuffer& out) {
  out << field;
}

const char* read(option_kind::signal_choice, std::string_view text, const OptionRow& row, int& field) {
  if (text == "auto") {
    field = kSignalAuto;
  } else if (text == "off") {
    field = kSignalOff;
  } else {
    uint64_t number = 0;
    if (const char* reason = read_number(text, row, parse_count, number); reason != nullptr) return reason;
    field = static_cast<int>(number);
  }
  return nullptr;
}

void write(option_kind::signal_choice, const int& field, const OptionRow&, TextBuffer& out) {
  if (field == kSignalAuto) {
    out << "auto";
  } else if (field == kSignalOff) {
    out << "off";
  } else {
    out << field;
  }
}

template <typename Enum>
const char* read(option_kind::choice<Enum>, std::string_view text, const OptionRow& row, Enum& field) {
  const Parsed<size_t> choice = parse_choice(text, row.values);
  if (choice.ok()) field = static_cast<Enum>(choice.value);
  return choice.reason;
}

template <typename Enum>
void write(option_kind::choice<Enum>, const Enum& field, const OptionRow& row, TextBuffer& out) {
  out << choice_name(static_cast<size_t>(field), row.values);
}

using TextField = char[kTextOptionSize];

const char* store(std::string_view text, TextField& field) {
  if (text.size() >= kTextOptionSize) return "longer than 511 bytes";
  static_assert(kTextOptionSize == 512, "the message says so");
  TextBuffer(field, kTextOptionSize) << text;
  return nullptr;
}

// Other tools use "-" for standard output; here it would become a file of that name.
const char* check_destination(std::string_view text) {
  if (text == "-") return "standard output is the program's own; give a path (./- is a file of that name)";
  return check_placeholders(text);
}

const char* read(option_kind::destination, std::string_view text, const OptionRow&, TextField& field) {
  if (text.empty()) return "empty";
  if (const char* reason = check_destination(text); reason != nullptr) return reason;
  return store(text, field);
}

const char* read(option_kind::optional_destination, std::string_view text, const OptionRow&, TextField& field) {
  if (text == "none") return store("", field);
  if (const char* reason = check_destination(text); reason != nullptr) return reason;
  return store(text, field);
}

const char* read(option_kind::optional_file, std::string_view text, const OptionRow&, TextField& field) {
  return store(text == "none" ? "" : text, field);
}

const char* read(option_kind::glob, std::string_view text, const OptionRow&, TextField& field) {
  return text.empty() ? "empty" : store(text, field);
}

const char* read(option_kind::action, std::string_view text, const OptionRow&, TextField& field) {
  constexpr std::string_view kExec = "exec:";
  const bool runs_a_program = text.size() > kExec.size() && has_prefix(text, kExec);
  if (text != "log" && text != "abort" && !runs_a_program) return "not a valid value";
  return store(text, field);
}

template <typename TextKind>
void write(TextKind, const TextField& field, const OptionRow&, TextBuffer& out) {
  out << (field[0] == '\0' ? "none" : field);
}

bool is_as(const OptionRow& row, OptionIndex index) {
  return &row == &kOptions[static_cast<size_t>(index)];
}

constexpr size_t kLongestName = 16;

char upper(char character) {
  return character >= 'a' && character <= 'z' ? static_cast<char>(character - 'a' + 'A') : character;
}

bool same_name(std::string_view left, std::string_view right) {
  if (left.size() != right.size()) return false;
  for (size_t i = 0; i < left.size(); ++i) {
    if (upper(left[i]) != upper(right[i])) return false;
  }
  return true;
}

size_t least(size_t left, size_t right) {
  return left < right ? left : right;
}

// Optimal string alignment: like Damerau and Levenshtein's distance, but no part is edited twice. Three rows of the
// table are enough, because a swap looks back by two.
size_t distance(std::string_view from, std::string_view to) {
  size_t rows[3][kLongestName + 1];
  size_t* before_last = rows[0];
  size_t* last = rows[1];
  size_t* current = rows[2];
  for (size_t j = 0; j <= to.size(); ++j) last[j] = j;
  for (size_t i = 1; i <= from.size(); ++i) {
    current[0] = i;
    for (size_t j = 1; j <= to.size(); ++j) {
      const char a = upper(from[i - 1]);
      const char b = upper(to[j - 1]);
      current[j] = least(least(last[j], current[j - 1]) + 1, last[j - 1] + (a == b ? 0 : 1));
      const bool swapped = i > 1 && j > 1 && a == upper(to[j - 2]) && upper(from[i - 2]) == b;
      if (swapped) current[j] = least(current[j], before_last[j - 2] + 1);
    }
    size_t* const oldest = before_last;
    before_last = last;
    last = current;
    current = oldest;
  }
  return last[to.size()];
}

}  // namespace

#define HOLDWATCH_OPTION(kind, field, name, fallback, values, available, help) \
  {#name,                                                                      \
   fallback,                                                                   \
   values,                                                                     \
   help,                                                                       \
   Available::available,                                                       \
   [](std::string_view text, const OptionRow& row, Settings& settings) {       \
     return read(option_kind::kind(), text, row, settings.field);              \
   },                                                                          \
   [](const Settings& settings, const OptionRow& row, TextBuffer& out) {       \
     write(option_kind::kind(), settings.field, row, out);                     \
   }},
// constinit: read by our constructor, before run-time initialization of another file can be relied on.
constinit const OptionRow kOptions[kOptionCount] = {
#include "shim/common/contract/options.def"
};
#undef HOLDWATCH_OPTION

void set_defaults(Settings& settings) {
  settings = {};
  for (const OptionRow& row : kOptions) {
    const bool derived = is_as(row, OptionIndex::READ_LIMIT) || is_as(row, OptionIndex::WAIT_LIMIT);
    if (!derived) row.read(row.fallback, row, settings);
  }
  derive_limits(settings, false, false);
}

void derive_limits(Settings& settings, bool read_limit_given, bool wait_limit_given) {
  if (!read_limit_given) settings.read_limit_ns = settings.limit_ns;
  // Cannot overflow: a limit is ten years at most, and 2^64 nanoseconds are 584.
  if (!wait_limit_given) settings.wait_limit_ns = 5 * settings.limit_ns;
}

const OptionRow* find_option(std::string_view name) {
  for (const OptionRow& row : kOptions) {
    if (same_name(row.name, name)) return &row;
  }
  return nullptr;
}

const OptionRow* nearest_option(std::string_view name) {
  if (name.size() > kLongestName) return nullptr;
  const OptionRow* nearest = nullptr;
  size_t fewest = name.size() / 2 + 1;
  for (const OptionRow& row : kOptions) {
    if (row.name.size() > kLongestName) continue;
    const size_t edits = distance(name, row.name);
    if (edits < fewest) {
      fewest = edits;
      nearest = &row;
    }
  }
  return nearest;
}

}  // namespace holdwatch
