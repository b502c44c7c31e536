// Reads a command's arguments against the table of options, and prints for the launcher's shell what they say.
//
//   arguments COMMAND [--anywhere] [--environment] [--flags 'dry-run core=']... -- ARGUMENT...
//       HOLDWATCH_LIMIT='200ms'; export HOLDWATCH_LIMIT; given="$given LIMIT"; flag_dry_run=1; set -- 'operand' ...
//   arguments COMMAND --list        the options, for --help
//   arguments COMMAND --values NAME  what may follow --NAME, a word a line, for completion; nothing after a toggle
//
// --anywhere: options may follow operands. --environment: paths of options that stand in the environment are completed too, as
// seen from here, for a process that is elsewhere. --flags: the command's own, with = if they take a value. --program: the first
// operand is to be run; says what keeps the loader from preloading into it, and ends with the shell's 126 or 127 if it cannot
// be run at all. With a glibc that needs it, needed_beside='libdl.so.2' is what has to be preloaded beside the library. Bad use: one
// line to standard error, status 2.
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <climits>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "shim/common/glibc/version_names.h"
#include "shim/common/kernel/system_call.h"
#include "symbolizer/tools/launcher/option_arguments.h"
#include "symbolizer/tools/launcher/preload_check.h"
#include "symbolizer/tools/launcher/shell_text.h"

namespace holdwatch {
namespace {

constexpr int kBadUse = 2;
constexpr int kCannotRun = 126, kNoProgram = 127;  // as the shell has it

[[noreturn]] void bad_use(const TextBuffer& message) {
  std::fprintf(stderr, "holdwatch: %s\n", message.c_str());
  std::exit(kBadUse);
}

void print_export(std::string_view name, std::string_view value) {
  const int size = static_cast<int>(name.size());
  std::printf("HOLDWATCH_%.*s=", size, name.data());
  print_quoted(value);
  std::printf("; export HOLDWATCH_%.*s; ", size, name.data());
}

void print_setting(std::string_view name, std::string_view value) {
  print_export(name, value);
  std::printf("given=\"$given %.*s\"; ", static_cast<int>(name.size()), name.data());
}

const char* working_directory() {
  static char directory[PATH_MAX];
  return getcwd(directory, sizeof directory) == nullptr ? "" : directory;
}

// What makes no sense is left to whoever reads it; see refuse_standard_output for the one exception.
void complete_environment() {
  for (const OptionRow& row : kOptions) {
    const char* typed = std::getenv((Line<64>() << "HOLDWATCH_" << row.name).c_str());
    OptionValue value;
    if (typed != nullptr && complete_value(row, typed, working_directory(), value) == nullptr &&
        std::string_view(value) != typed)
      print_export(row.name, value);
  }
  char path[PATH_MAX];
  const char* config = std::getenv("HOLDWATCH_CONFIG");
  if (config != nullptr && realpath(config, path) != nullptr) print_export("CONFIG", path);
}

class Reader {
 public:
  Reader(const char* command, int count, char** arguments) : command_(command), count_(count), rest_(arguments) {}

  // Our own arguments, up to --.
  void read_rules();
  void read_arguments();
  void refuse_standard_output() const;
  void print_operands() const;
  void print_needed_beside() const;
  void check_program();

 private:
  struct Argument {
    std::string_view name;
    const char* value;  // what follows =, or null
  };

  const char* next() { return at_ < count_ ? rest_[at_++] : nullptr; }
  const char* value_of(const Argument& argument, std::string_view possible);
  bool read_flag(const Argument& argument);
  void read_option(const OptionRow& row, const Argument& argument);
  void read_argument(const char* text);
  [[noreturn]] void refuse_unknown(std::string_view text, std::string_view name) const;

  const char* command_;
  int count_;
  char** rest_;
  int at_ = 0;
  int operands_ = 0;  // moved to the front of rest_
  bool anywhere_ = false;
  bool is_for_program_ = false;
  bool completes_environment_ = false;
  bool is_given_[kOptionCount] = {};
  std::string_view flags_;
};

void Reader::read_rules() {
  while (const char* text = next()) {
    const std::string_view rule(text);
    if (rule == "--") return;
    if (rule == "--anywhere") anywhere_ = true;
    if (rule == "--environment") {
      complete_environment();
      completes_environment_ = true;
    }
    if (rule == "--program") is_for_program_ = true;
    if (rule == "--flags") flags_ = next();
  }
}

void Reader::read_arguments() {
  bool only_operands = false;
  while (at_ < count_) {
    char* text = rest_[at_++];
    const std::string_view argument(text);
    if (!only_operands && argument == "--") {
      only_operands = true;
    } else if (only_operands || argument.size() < 2 || argument.front() != '-') {
      rest_[operands_++] = text;
      // What follows the name of a program is its own.
      only_operands = only_operands || !anywhere_;
    } else {
      read_argument(text);
    }
  }
}

void Reader::read_argument(const char* text) {
  std::string_view name(text);
  if (name == "--help" || name == "-h") {
    std::puts("help; exit 0");
    std::exit(0);
  }
  if (!name.starts_with("--")) refuse_unknown(text, name);
  name.remove_prefix(2);
  Argument argument{name, nullptr};
  if (const size_t equals = name.find('='); equals != std::string_view::npos) {
    argument = {{name.data(), equals}, name.data() + equals + 1};
  }
  if (read_flag(argument)) return;
  if (argument.name == "config") {
    char path[PATH_MAX];
    const char* given = value_of(argument, "FILE");
    struct stat status;
    if (realpath(given, path) == nullptr || system_call(SYS_stat, path, &status) != 0 || !S_ISREG(status.st_mode))
      bad_use(Line<PATH_MAX + 64>() << "--config: no such file: '" << given << "'");
    print_setting("CONFIG", path);
    return;
  }
  const OptionRow* row = find_argument(argument.name);
  if (row == nullptr) refuse_unknown(text, argument.name);
  read_option(*row, argument);
}

// After =, or the next argument.
const char* Reader::value_of(const Argument& argument, std::string_view possible) {
  const char* value = argument.value != nullptr ? argument.value : next();
  if (value == nullptr) bad_use(Line<512>() << "--" << argument.name << " requires a value: " << possible);
  return value;
}

// The command's own flags.
bool Reader::read_flag(const Argument& argument) {
  std::string_view rest = flags_;
  while (!rest.empty()) {
    const size_t space = rest.find(' ');
    std::string_view flag(rest.data(), space == std::string_view::npos ? rest.size() : space);
    rest.remove_prefix(space == std::string_view::npos ? rest.size() : space + 1);
    const bool takes_value = flag.ends_with('=');
    if (takes_value) flag.remove_suffix(1);
    if (flag.empty() || flag != argument.name) continue;
    if (!takes_value && argument.value != nullptr) bad_use(Line<512>() << "--" << flag << " takes no value");
    std::fputs("flag_", stdout);
    for (const char character : flag) std::putchar(character == '-' ? '_' : character);
    std::putchar('=');
    print_quoted(takes_value ? value_of(argument, "see --help") : "1");
    std::fputs("; ", stdout);
    return true;
  }
  return false;
}

// A toggle without a value is on; --repeat 0 is as good as --repeat=0.
void Reader::read_option(const OptionRow& row, const Argument& argument) {
  const char* typed = argument.value;
  if (typed == nullptr && is_toggle(row)) {
    const std::string_view following = at_ < count_ ? rest_[at_] : "";
    typed = following == "0" || following == "1" ? next() : "1";
  } else if (typed == nullptr) {
    typed = value_of(argument, row.values);
  }
  OptionValue value;
  if (const char* reason = complete_value(row, typed, working_directory(), value); reason != nullptr) {
    bad_use(Line<2048>() << "--" << argument.name << ' ' << typed << ": " << reason
                         << "; valid values: " << row.values);
  }
  is_given_[&row - kOptions] = true;
  print_setting(row.name, value);
}

// Of the variables that the program will read, unless an option of the command replaces them: a user who wants reports on standard
// output has to hear before the program runs that there will be none.
void Reader::refuse_standard_output() const {
  if (!is_for_program_ && !completes_environment_) return;
  for (const OptionRow& row : kOptions) {
    Line<64> name;
    name << "HOLDWATCH_" << row.name;
    const char* typed = std::getenv(name.c_str());
    if (typed == nullptr || is_given_[&row - kOptions]) continue;
    if (const char* reason = why_not_standard_output(row, typed); reason != nullptr)
      bad_use(Line<512>() << std::string_view(name) << '=' << typed << ": " << reason);
  }
}

void Reader::refuse_unknown(std::string_view text, std::string_view name) const {
  Line<512> message;
  message << "unknown option " << text;
  if (const OptionRow* nearest = nearest_argument(name); nearest != nullptr) {
    message << "; did you mean --";
    write_argument_name(*nearest, message);
    message << "?";
  }
  message << " (holdwatch " << command_ << " --help lists all options)";
  bad_use(message);
}

void Reader::print_operands() const {
  std::fputs("set --", stdout);
  for (int index = 0; index < operands_; ++index) {
    std::putchar(' ');
    print_quoted(rest_[index]);
  }
  std::putchar('\n');
}

// With glibc before 2.34 the library needs libdl, which a program may not link to, and to which it must not link itself: later
// glibcs need not have it.
void Reader::print_needed_beside() const {
  constexpr unsigned kHasLibdlInside = 34;
  if (present_glibc_minor() < kHasLibdlInside) std::fputs("needed_beside=libdl.so.2; ", stdout);
}

void Reader::check_program() {
  if (!is_for_program_ || operands_ == 0) return;
  const char* program = rest_[0];
  static PreloadCheck check;
  check_preload(program, geteuid(), check);
  if (check.kind == FileKind::missing) {
    std::fprintf(stderr, "holdwatch: no such program: '%s'\n", program);
    std::exit(kNoProgram);
  }
  if (!check.is_executable) {
    std::fprintf(stderr, "holdwatch: %s cannot be run: it is not an executable file\n", program);
    std::exit(kCannotRun);
  }
  if (check.interpreter.size() > 0 && access(check.interpreter.c_str(), F_OK) != 0) {
    std::fprintf(stderr, "holdwatch: %s cannot be run: its interpreter %s does not exist\n", program,
                 check.interpreter.c_str());
    std::exit(kNoProgram);
  }
  // bash's exec would take the name for an option, and dash's knows no --.
  if (program[0] == '-') rest_[0] = const_cast<char*>(check.path.c_str());
  if (check.obstacle.size() == 0) return;
  std::fprintf(stderr, "holdwatch: %s is not watched: %s (for details: holdwatch doctor %s)\n", program,
               check.obstacle.c_str(), program);
}

void print_values(std::string_view name) {
  if (name == "config") std::puts("FILE");
  const OptionRow* row = find_argument(name);
  if (row == nullptr || is_toggle(*row)) return;
  print_value_words(*row);
}

int run(int count, char** arguments) {
  const std::string_view first = count > 2 ? arguments[2] : "";
  if (first == "--list") {
    print_options();
  } else if (first == "--values") {
    print_values(count > 3 ? arguments[3] : "");
  } else {
    Reader reader(arguments[1], count - 2, arguments + 2);
    reader.read_rules();
    reader.read_arguments();
    reader.refuse_standard_output();
    reader.print_needed_beside();
    reader.check_program();
    reader.print_operands();
  }
  return std::fflush(stdout) == 0 ? 0 : 1;
}

}  // namespace
}  // namespace holdwatch

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fputs("holdwatch: internal helper of the launcher; usage: holdwatch --help\n", stderr);
    return holdwatch::kBadUse;
  }
  return holdwatch::run(argc, argv);
}
