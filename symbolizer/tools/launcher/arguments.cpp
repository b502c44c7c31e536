// Reads a command's arguments with the table of options, and prints the result for the launcher's shell.
//
//   arguments COMMAND [--anywhere] [--environment] [--program] [--library FILE] [--flags 'dry-run core=']... -- ARGUMENT...
//       HOLDWATCH_LIMIT='200ms'; export HOLDWATCH_LIMIT; given="$given LIMIT"; flag_dry_run=1; set -- 'operand' ...
//   arguments COMMAND --list        the options, for --help
//   arguments COMMAND --values NAME  what may follow --NAME, a word a line, for completion; nothing after a toggle
//
// --anywhere: options may follow operands. --environment: relative paths in options in the environment are completed
// too, with this command's working directory, for a process whose own may differ. --flags: the command's own flags,
// with = if they take a value. --program: the first operand is a program to run; prints what prevents the loader from
// preloading into it, and ends with the shell's 126 or 127 if it cannot be run at all. --library: the library to
// preload; ends with status 1 and one line if the loader cannot. With a glibc that needs it,
// needed_beside='libdl.so.2' is what must be preloaded together with the library. Bad use: one line to standard error,
// status 2.
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <climits>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "shim/common/glibc/version_names.h"
#include "shim/common/kernel/system_call.h"
#include "symbolizer/tools/command_line/argument_reader.h"
#include "symbolizer/tools/launcher/library_check.h"
#include "symbolizer/tools/launcher/option_arguments.h"
#include "symbolizer/tools/launcher/preload_check.h"
#include "symbolizer/tools/launcher/shell_text.h"

namespace holdwatch {
namespace {

constexpr int kNoLibrary = 1, kBadUse = 2;
constexpr int kCannotRun = 126, kNoProgram = 127;  // the shell's exit statuses

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

// Invalid values are left to the code that reads them; refuse_standard_output handles the one exception.
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

void print_values(std::string_view name) {
  if (name == "config") std::puts("FILE");
  const OptionRow* row = find_argument(name);
  if (row == nullptr || is_toggle(*row)) return;
  print_value_words(*row);
}

class Command {
 public:
  explicit Command(const char* name) : name_(name) {}

  // Our own arguments: what to do with the command's arguments, which follow --.
  enum class Task : uint8_t { arguments, print };
  Task read_rules(ArgumentReader& rules);
  void read_arguments(int count, char** arguments);
  void refuse_standard_output() const;
  void print_operands() const;
  void print_needed_beside() const;
  void check_library() const;
  void check_program();

 private:
  bool read_flag(const Argument& option, ArgumentReader& reader);
  void read_config(const Argument& option, ArgumentReader& reader);
  void read_table_option(const Argument& option, ArgumentReader& reader);
  void read_option(const Argument& option, ArgumentReader& reader);
  [[noreturn]] void refuse_unknown(const Argument& option) const;

  const char* name_;
  const char* library_ = nullptr;
  char** operands_ = nullptr;
  int count_ = 0;
  ArgumentReader::Options where_ = ArgumentReader::Options::first;
  bool is_for_program_ = false;
  bool completes_environment_ = false;
  bool is_given_[kOptionCount] = {};
  std::string_view flags_;
};

Command::Task Command::read_rules(ArgumentReader& rules) {
  for (Argument rule; rules.next(rule) && rule.kind != Argument::Kind::separator;) {
    if (rule.name == "list") {
      print_options();
      return Task::print;
    }
    if (rule.name == "values") {
      const char* name = rules.value_of(rule);
      print_values(name == nullptr ? "" : name);
      return Task::print;
    }
    if (rule.name == "anywhere") where_ = ArgumentReader::Options::anywhere;
    if (rule.name == "environment") {
      complete_environment();
      completes_environment_ = true;
    }
    if (rule.name == "program") is_for_program_ = true;
    if (rule.name == "library") library_ = rules.value_of(rule);
    if (rule.name == "flags") flags_ = rules.value_of(rule);
  }
  return Task::arguments;
}

// Operands are moved to the front.
void Command::read_arguments(int count, char** arguments) {
  operands_ = arguments;
  ArgumentReader reader(count, arguments, where_);
  for (Argument argument; reader.next(argument);) {
    switch (argument.kind) {
      case Argument::Kind::operand:
        operands_[count_++] = arguments[reader.position() - 1];
        break;
      case Argument::Kind::option:
        read_option(argument, reader);
        break;
      case Argument::Kind::help:
        std::puts("help; exit 0");
        std::exit(0);
      case Argument::Kind::separator:
        break;
    }
  }
}

const char* value_of(const Argument& option, ArgumentReader& reader, std::string_view possible) {
  const char* value = reader.value_of(option);
  if (value == nullptr) {
    Line<512> message;
    write_missing_value(option, possible, message);
    bad_use(message);
  }
  return value;
}

void Command::read_option(const Argument& option, ArgumentReader& reader) {
  if (read_flag(option, reader)) return;
  if (option.name == "config") return read_config(option, reader);
  read_table_option(option, reader);
}

void Command::read_config(const Argument& option, ArgumentReader& reader) {
  char path[PATH_MAX];
  const char* given = value_of(option, reader, "FILE");
  struct stat status;
  if (realpath(given, path) == nullptr || system_call(SYS_stat, path, &status) != 0 || !S_ISREG(status.st_mode))
    bad_use(Line<PATH_MAX + 64>() << "--config: no such file: '" << given << "'");
  print_setting("CONFIG", path);
}

// The command's own flags.
bool Command::read_flag(const Argument& option, ArgumentReader& reader) {
  std::string_view rest = flags_;
  while (!rest.empty()) {
    const size_t space = rest.find(' ');
    std::string_view flag(rest.data(), space == std::string_view::npos ? rest.size() : space);
    rest.remove_prefix(space == std::string_view::npos ? rest.size() : space + 1);
    const bool takes_value = flag.ends_with('=');
    if (takes_value) flag.remove_suffix(1);
    if (flag.empty() || flag != option.name) continue;
    if (!takes_value && option.value != nullptr) {
      Line<512> message;
      write_needless_value(option, message);
      bad_use(message);
    }
    std::fputs("flag_", stdout);
    for (const char character : flag) std::putchar(character == '-' ? '_' : character);
    std::putchar('=');
    print_quoted(takes_value ? value_of(option, reader, "see --help") : "1");
    std::fputs("; ", stdout);
    return true;
  }
  return false;
}

void Command::read_table_option(const Argument& option, ArgumentReader& reader) {
  const OptionRow* row = find_argument(option.name);
  if (row == nullptr) refuse_unknown(option);
  const char* typed = is_toggle(*row) ? reader.toggle_of(option) : value_of(option, reader, row->values);
  OptionValue value;
  if (const char* reason = complete_value(*row, typed, working_directory(), value); reason != nullptr) {
    bad_use(Line<2048>() << "--" << option.name << ' ' << typed << ": " << reason << "; valid values: " << row->values);
  }
  is_given_[row - kOptions] = true;
  print_setting(row->name, value);
}

// Checks the variables that the program will read, unless an option of the command replaces them: a user who wants
// reports on standard output must be told before the program runs that there will be none.
void Command::refuse_standard_output() const {
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

void Command::refuse_unknown(const Argument& option) const {
  Line<512> message;
  write_unknown_option(option, message);
  const std::string_view typed = option.name.empty() ? option.text + 1 : option.name;  // "-limit"
  if (const OptionRow* nearest = nearest_argument(typed); nearest != nullptr) {
    message << "; did you mean --";
    write_argument_name(*nearest, message);
    message << "?";
  }
  message << " (holdwatch " << name_ << " --help lists all options)";
  bad_use(message);
}

void Command::print_operands() const {
  std::fputs("set --", stdout);
  for (int index = 0; index < count_; ++index) {
    std::putchar(' ');
    print_quoted(operands_[index]);
  }
  std::putchar('\n');
}

// With glibc before 2.34 the library needs libdl, which a program may not be linked to, and to which the library must
// not be linked itself: later glibcs need not have it.
void Command::print_needed_beside() const {
  constexpr unsigned kHasLibdlInside = 34;
  if (present_glibc_minor() < kHasLibdlInside) std::fputs("needed_beside=libdl.so.2; ", stdout);
}

// Without a program, `run` is used in a wrong way, which its script says.
void Command::check_library() const {
  if (library_ == nullptr || (is_for_program_ && count_ == 0)) return;
  Line<PATH_MAX + 128> obstacle;
  write_library_obstacle(library_, obstacle);
  if (obstacle.size() == 0) return;
  std::fprintf(stderr, "holdwatch: %s\n", obstacle.c_str());
  std::exit(kNoLibrary);
}

void Command::check_program() {
  if (!is_for_program_ || count_ == 0) return;
  const char* program = operands_[0];
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
  // bash's exec would take the name for an option, and dash's exec does not accept --.
  if (program[0] == '-') operands_[0] = const_cast<char*>(check.path.c_str());
  if (check.obstacle.size() == 0) return;
  std::fprintf(stderr, "holdwatch: %s is not watched: %s (for details: holdwatch doctor %s)\n", program,
               check.obstacle.c_str(), program);
}

int run(int count, char** arguments) {
  ArgumentReader rules(count - 2, arguments + 2, ArgumentReader::Options::first);
  Command command(arguments[1]);
  if (command.read_rules(rules) == Command::Task::arguments) {
    const int read = 2 + rules.position();
    command.read_arguments(count - read, arguments + read);
    command.refuse_standard_output();
    command.print_needed_beside();
    command.check_library();
    command.check_program();
    command.print_operands();
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
