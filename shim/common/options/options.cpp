// Reads the options from the environment and from the file that HOLDWATCH_CONFIG names.
// Start context, before the program's first instruction. Never fails: errors are printed, and the default is kept.
#include "shim/common/options/options.h"

#include <cerrno>
#include <cstddef>

#include "shim/common/options/config_file.h"
#include "shim/common/options/glob.h"
#include "shim/common/options/option_table.h"
#include "shim/common/options/option_values.h"
#include "shim/common/options/terminal_color.h"
#include "shim/common/text/text_buffer.h"

namespace holdwatch {
namespace {

constexpr std::string_view kPrefix = "HOLDWATCH_";
constexpr std::string_view kConfigName = "CONFIG";
constexpr size_t kMessageSize = 1200;
constexpr size_t kShownValue = 120;
constexpr size_t kShownPath = 512;

enum class Origin : unsigned char { fallback, file, environment };

// Where a value was given: a variable, or a line of the file.
struct SourceLine {
  Origin origin;
  unsigned line;
};

class Loader {
 public:
  Loader(Settings& settings, const OptionSources& sources) : settings_(settings), sources_(sources) {}

  void load();

 private:
  static bool parse_variable(const char* text, Setting* out);
  const char* value_of(std::string_view name) const;
  void read_environment();
  void read_file(const char* path);
  void read_line(std::string_view line, SourceLine source);
  void set(const OptionRow& row, std::string_view value, SourceLine source);
  void print_help();

  void write_source(TextBuffer& out, SourceLine source) const;
  void write_setting(TextBuffer& out, std::string_view name, std::string_view value, SourceLine source) const;
  void warn_of_bad_value(const OptionRow& row, std::string_view value, SourceLine source, const char* reason);
  void warn_of_unknown_option(std::string_view name, SourceLine source);
  void print_message(std::string_view line) const { sources_.print(sources_.context, line); }

  SourceLine& source_of(const OptionRow& row) { return value_sources_[&row - kOptions]; }
  SourceLine& source_of(OptionIndex index) { return value_sources_[static_cast<size_t>(index)]; }
  bool is_given(OptionIndex index) { return source_of(index).origin != Origin::fallback; }

  Settings& settings_;
  const OptionSources& sources_;
  const char* path_ = nullptr;
  SourceLine value_sources_[kOptionCount] = {};
};

void Loader::load() {
  set_defaults(settings_);
  path_ = value_of(kConfigName);
  // The environment is read last, so that it overrides the file.
  if (path_ != nullptr && *path_ != '\0') read_file(path_);
  read_environment();
  derive_limits(settings_, is_given(OptionIndex::READ_LIMIT), is_given(OptionIndex::WAIT_LIMIT));
  if (settings_.help) print_help();
}

bool Loader::parse_variable(const char* text, Setting* out) {
  std::string_view rest(text);
  if (!has_prefix(rest, kPrefix)) return false;
  rest.remove_prefix(kPrefix.size());
  const size_t equals = rest.find('=');
  if (equals == std::string_view::npos) return false;
  *out = {{rest.data(), equals}, {rest.data() + equals + 1, rest.size() - equals - 1}};
  return true;
}

// The first variable of a name is used, as by getenv.
const char* Loader::value_of(std::string_view name) const {
  Setting variable;
  for (const char* const* text = sources_.environment; *text != nullptr; ++text) {
    // The value's end is the text's, so that it is a C string.
    if (parse_variable(*text, &variable) && variable.name == name) return variable.value.data();
  }
  return nullptr;
}

// In the order of the table, not in that of the environment, which is arbitrary: the same mistakes give the same lines.
void Loader::read_environment() {
  constexpr SourceLine kEnvironment = {Origin::environment, 0};
  for (const OptionRow& row : kOptions) {
    if (const char* value = value_of(row.name); value != nullptr) set(row, value, kEnvironment);
  }
  Setting variable;
  for (const char* const* text = sources_.environment; *text != nullptr; ++text) {
    if (!parse_variable(*text, &variable) || variable.name == kConfigName) continue;
    const OptionRow* const row = find_option(variable.name);
    if (row == nullptr || row->name != variable.name) warn_of_unknown_option(variable.name, kEnvironment);
  }
}

void Loader::read_file(const char* path) {
  ConfigFile file(sources_.describe_error);
  const char* reason = file.open(path);
  if (reason == nullptr) {
    std::string_view line;
    while (file.next(&line)) {
      const SourceLine source = {Origin::file, file.line_number()};
      if (!file.line_is_cut()) {
        read_line(line, source);
        continue;
      }
      Line<kMessageSize> message;
      write_source(message, source);
      message << ": line too long; ignored";
      print_message(message);
    }
    reason = file.error();
  }
  if (reason == nullptr) return;
  Line<kShownPath> shown;
  shown << path;
  Line<kMessageSize> message;
  message << "HOLDWATCH_CONFIG=\"" << shown << "\": cannot be read: " << reason << "; continuing without it";
  print_message(message);
}

void Loader::read_line(std::string_view line, SourceLine source) {
  Setting setting;
  switch (parse_setting(line, &setting)) {
    case LineContent::nothing:
      return;
    case LineContent::setting:
      if (const OptionRow* row = find_option(setting.name); row != nullptr) {
        set(*row, setting.value, source);
      } else {
        warn_of_unknown_option(setting.name, source);
      }
      return;
    case LineContent::junk:
      break;
  }
  Line<kMessageSize> message;
  write_source(message, source);
  message << ": not of the form name = value: " << line;
  print_message(message);
}

void Loader::set(const OptionRow& row, std::string_view value, SourceLine source) {
  if (const char* reason = row.read(value, row, settings_); reason != nullptr) {
    warn_of_bad_value(row, value, source, reason);
    return;
  }
  if (row.available == Available::now || value == row.fallback) {
    source_of(row) = source;
    return;
  }
  row.read(row.fallback, row, settings_);
  Line<kMessageSize> message;
  write_setting(message, row.name, value, source);
  message << ": not implemented in this version; it has no effect";
  print_message(message);
}

void Loader::write_source(TextBuffer& out, SourceLine source) const {
  switch (source.origin) {
    case Origin::fallback:
      out << "default";
      break;
    case Origin::file: {
      Line<kShownPath> shown;
      shown << path_;
      out << shown << ':' << source.line;
      break;
    }
    case Origin::environment:
      out << "environment";
      break;
  }
}

// HOLDWATCH_LIMIT in the environment, limit in a file.
void write_name(std::string_view name, SourceLine source, TextBuffer& out) {
  if (source.origin == Origin::environment) {
    out << kPrefix << name;
    return;
  }
  for (const char c : name) out << (c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c);
}

// HOLDWATCH_LIMIT="10" or /etc/holdwatch.conf:3: limit = "10".
void Loader::write_setting(TextBuffer& out, std::string_view name, std::string_view value, SourceLine source) const {
  Line<kShownValue> shown;
  shown << value;
  const bool is_variable = source.origin == Origin::environment;
  if (!is_variable) {
    write_source(out, source);
    out << ": ";
  }
  write_name(name, source, out);
  out << (is_variable ? "=\"" : " = \"") << shown << '"';
}

void Loader::warn_of_bad_value(const OptionRow& row, std::string_view value, SourceLine source, const char* reason) {
  Line<kMessageSize> message;
  write_setting(message, row.name, value, source);
  message << ": " << reason << " (" << row.values << "); ";
  const SourceLine kept = source_of(row);
  if (kept.origin == Origin::fallback) {
    message << "the default, " << row.fallback << ", is kept";
  } else {
    row.write(settings_, row, message);
    message << " from ";
    write_source(message, kept);
    message << " is kept";
  }
  print_message(message);
}

void Loader::warn_of_unknown_option(std::string_view name, SourceLine source) {
  Line<kShownValue> shown;
  write_name(name, source, shown);
  Line<kMessageSize> message;
  if (source.origin == Origin::file) {
    write_source(message, source);
    message << ": ";
  }
  message << "unknown option " << shown;
  if (const OptionRow* nearest = nearest_option(name); nearest != nullptr) {
    message << "; did you mean ";
    write_name(nearest->name, source, message);
    message << '?';
  }
  message << " (HOLDWATCH_HELP=1 lists them all)";
  print_message(message);
}

void pad_to(size_t column, TextBuffer& out) {
  do {
    out << ' ';
  } while (out.size() < column);
}

void Loader::print_help() {
  print_message(
      "options: HOLDWATCH_NAME=value in the environment, or name = value in the file that HOLDWATCH_CONFIG names");
  for (const OptionRow& row : kOptions) {
    if (row.available == Available::later) continue;
    Line<kMessageSize> line;
    line << "  " << row.name;
    pad_to(14, line);
    row.write(settings_, row, line);
    pad_to(24, line);
    line << '(';
    write_source(line, source_of(row));
    line << ')';
    pad_to(39, line);
    line << row.help << " [" << row.values << ']';
    print_message(line);
  }
}

// The value of any variable, or null.
const char* variable(const char* const* environment, std::string_view name) {
  for (; *environment != nullptr; ++environment) {
    const std::string_view entry(*environment);
    if (has_prefix(entry, name) && entry.size() > name.size() && entry[name.size()] == '=')
      return *environment + name.size() + 1;
  }
  return nullptr;
}

// The environment is the program's own only now; later it may change it.
void settle_color(Settings& settings, const char* const* environment) {
  if (settings.color == ColorWhen::automatic &&
      !allows_color(variable(environment, "TERM"), variable(environment, "NO_COLOR")))
    settings.color = ColorWhen::never;
}

bool has_options(const char* const* environment) {
  for (; *environment != nullptr; ++environment) {
    if (has_prefix(*environment, kPrefix)) return true;
  }
  return false;
}

}  // namespace

bool options_load_from(Settings* out, const OptionSources& sources) {
  set_defaults(*out);
  // Most programs, among them children of a watched one, have none: for them, this is the only cost.
  if (!has_options(sources.environment)) {
    settle_color(*out, sources.environment);
    return true;
  }
  if (sources.secure) {
    // Otherwise a user could make a set-user-ID program read and write files with its owner's rights.
    sources.print(sources.context, "this program runs with elevated privileges: HOLDWATCH_* options are ignored");
    return true;
  }
  const int saved_errno = errno;
  // EXE decides whether anything may be printed, and may come last: so the first reading prints nothing.
  OptionSources silent = sources;
  silent.print = [](void*, std::string_view) {};
  Loader(*out, silent).load();
  const bool is_chosen = glob_matches(out->exe, sources.program);
  if (is_chosen) Loader(*out, sources).load();
  settle_color(*out, sources.environment);
  errno = saved_errno;
  return is_chosen;
}

}  // namespace holdwatch
