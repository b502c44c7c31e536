// The command line of a command that has only operands: detach PID, doctor [PROGRAM|PID].
// For tools that have the C++ library; errors are thrown.
#pragma once

#include <string>
#include <vector>

#include "symbolizer/tools/command_line/argument_reader.h"

namespace holdwatch {

// The message, one line for standard error, with which the tool ends with status 2.
struct BadUse {
  std::string what;
};

// `usage` is the command in the form in which it is typed: "detach PID".
inline BadUse bad_use(std::string_view what, const std::string& usage) {
  return {std::string(what) + (what.empty() ? "" : "; ") + "usage: holdwatch " + usage};
}

// An option that is on or off, for a command that has only one.
struct OnlyFlag {
  std::string_view name;
  bool is_given = false;
};

inline std::vector<const char*> read_operands(int count, const char* const* arguments, const std::string& usage,
                                              OnlyFlag* flag = nullptr) {
  std::vector<const char*> operands;
  ArgumentReader reader(count, arguments, ArgumentReader::Options::anywhere);
  for (Argument argument; reader.next(argument);) {
    if (argument.kind == Argument::Kind::operand) operands.push_back(argument.text);
    if (argument.kind == Argument::Kind::operand || argument.kind == Argument::Kind::separator) continue;
    const bool is_flag = flag != nullptr && argument.kind == Argument::Kind::option && argument.name == flag->name;
    if (is_flag) flag->is_given = true;
    if (is_flag && argument.value == nullptr) continue;
    Line<512> message;
    is_flag ? write_needless_value(argument, message) : write_unknown_option(argument, message);
    throw bad_use(message, usage);
  }
  return operands;
}

inline int read_process_id(const char* text, const std::string& usage) {
  int pid = 0;
  if (parse_process_id(text, pid)) return pid;
  Line<512> message;
  write_invalid_process_id(text, message);
  throw bad_use(message, usage);
}

}  // namespace holdwatch
