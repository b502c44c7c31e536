// See option_arguments.h.
#include "symbolizer/tools/launcher/option_arguments.h"

#include <cstdio>

#include "shim/common/options/option_values.h"

namespace holdwatch {
namespace {

constexpr std::string_view kPathWord = "PATH";
constexpr size_t kMeaningColumn = 31;
constexpr size_t kWidth = 100;

const OptionRow& help_row() {
  return kOptions[static_cast<size_t>(OptionIndex::HELP)];
}

// Values are parsed only to find out whether they are valid.
Settings& scratch_settings() {
  static Settings settings;
  return settings;
}

// The names in the table have underscores.
void write_table_name(std::string_view typed, TextBuffer& out) {
  for (const char character : typed) out << (character == '-' ? '_' : character);
}

// The words in a row's values, one after the other.
class Words {
 public:
  explicit Words(std::string_view values) : rest_(values) {}

  bool next(std::string_view* word) {
    constexpr std::string_view kSeparator = ", ";
    if (rest_.empty()) return false;
    const size_t end = rest_.find(kSeparator);
    *word = {rest_.data(), end == std::string_view::npos ? rest_.size() : end};
    rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + kSeparator.size());
    return true;
  }

 private:
  std::string_view rest_;
};

// If `typed` contains a relative path, the length of what precedes it ("exec:" or nothing); otherwise npos. "-" is not
// a path here: the code that reads the value reports it.
size_t relative_path_begins(const OptionRow& row, std::string_view typed) {
  if (typed == "-") return std::string_view::npos;
  std::string_view word;
  size_t begin = std::string_view::npos;
  for (Words words(row.values); words.next(&word);) {
    if (word == typed) return std::string_view::npos;
    if (!word.ends_with(kPathWord)) continue;
    const std::string_view before(word.data(), word.size() - kPathWord.size());
    if (has_prefix(typed, before) && typed.size() > before.size()) begin = before.size();
  }
  return begin == std::string_view::npos || typed[begin] == '/' ? std::string_view::npos : begin;
}

// Removes the first component of a path and returns it; several slashes count as one.
std::string_view take_part(std::string_view* path) {
  while (!path->empty() && path->front() == '/') path->remove_prefix(1);
  const size_t slash = path->find('/');
  const std::string_view part(path->data(), slash == std::string_view::npos ? path->size() : slash);
  path->remove_prefix(part.size());
  return part;
}

// `path` completed with `directory`, with "." and ".." at its beginning resolved. A ".." after a name stays: if the
// name is a symbolic link, the result would be another file.
void write_whole_path(std::string_view directory, std::string_view path, bool doubles_percent, TextBuffer& out) {
  if (directory == "/") directory = {};
  std::string_view rest = path;
  for (std::string_view part = take_part(&rest); part == "." || part == ".."; part = take_part(&rest)) {
    if (part == ".." && !directory.empty()) directory.remove_suffix(directory.size() - directory.rfind('/'));
    path = rest;
  }
  for (const char character : directory) {
    out << character;
    if (character == '%' && doubles_percent) out << character;
  }
  do {
    out << '/' << take_part(&path);
  } while (!path.empty());
}

// Options whose paths have placeholders are the ones that refuse a single %.
bool has_placeholders(const OptionRow& row) {
  return row.read("/%", row, scratch_settings()) != nullptr;
}

// Prints words in lines of kWidth, each line after the first starting at kMeaningColumn.
void print_wrapped(std::string_view text) {
  size_t column = kMeaningColumn;
  while (!text.empty()) {
    const size_t space = text.find(' ');
    const std::string_view word(text.data(), space == std::string_view::npos ? text.size() : space);
    if (column > kMeaningColumn && column + 1 + word.size() > kWidth) {
      std::printf("\n%*s", static_cast<int>(kMeaningColumn), "");
      column = kMeaningColumn;
    } else if (column > kMeaningColumn) {
      std::putchar(' ');
      ++column;
    }
    std::printf("%.*s", static_cast<int>(word.size()), word.data());
    column += word.size();
    text.remove_prefix(space == std::string_view::npos ? text.size() : space + 1);
  }
  std::putchar('\n');
}

}  // namespace

const OptionRow* find_argument(std::string_view name) {
  Line<64> table_name;
  write_table_name(name, table_name);
  const OptionRow* row = find_option(table_name);
  return row == &help_row() ? nullptr : row;
}

const OptionRow* nearest_argument(std::string_view name) {
  Line<64> table_name;
  write_table_name(name, table_name);
  const OptionRow* row = nearest_option(table_name);
  return row == &help_row() ? nullptr : row;
}

void write_argument_name(const OptionRow& row, TextBuffer& out) {
  for (const char character : row.name) {
    out << (character == '_' ? '-' : static_cast<char>(character - 'A' + 'a'));
  }
}

bool is_toggle(const OptionRow& row) {
  return row.values == "0, 1";
}

const char* complete_value(const OptionRow& row, std::string_view typed, std::string_view directory, OptionValue& out) {
  const size_t begin = relative_path_begins(row, typed);
  if (begin == std::string_view::npos) {
    out << typed;
  } else {
    if (directory.empty()) return "the working directory no longer exists; use an absolute path";
    out << std::string_view(typed.data(), begin);
    write_whole_path(directory, {typed.data() + begin, typed.size() - begin}, has_placeholders(row), out);
  }
  return out.truncated() ? "too long" : row.read(out, row, scratch_settings());
}

const char* why_not_standard_output(const OptionRow& row, std::string_view typed) {
  if (typed != "-") return nullptr;
  std::string_view word;
  for (Words words(row.values); words.next(&word);)
    if (word == kPathWord) return row.read(typed, row, scratch_settings());
  return nullptr;
}

void print_value_words(const OptionRow& row) {
  std::string_view word;
  for (Words words(row.values); words.next(&word);) std::printf("%.*s\n", static_cast<int>(word.size()), word.data());
}

void print_options() {
  for (const OptionRow& row : kOptions) {
    if (&row == &help_row() || row.available == Available::later) continue;
    Line<64> flag;
    flag << "  --";
    write_argument_name(row, flag);
    flag << (is_toggle(row) ? "[=0|1]" : " VALUE");
    std::printf("%-*s", static_cast<int>(kMeaningColumn), flag.c_str());
    Line<1024> meaning;
    meaning << row.help << " [" << row.values << "; default " << row.fallback << "]";
    print_wrapped(meaning);
  }
  std::printf("%-*s", static_cast<int>(kMeaningColumn), "  --config FILE");
  print_wrapped("a file of options, one name = value per line; the command line wins");
}

}  // namespace holdwatch
