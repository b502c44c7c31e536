// The one parser of command lines: splits a command's arguments into options, their values and operands, by the same
// rules and with the same messages for every tool. The caller knows which options there are, and what they mean.
// Pure: libc alone, no memory of its own, no exceptions, for the helper that `holdwatch run` starts with every glibc.
#pragma once

#include <cstdint>
#include <string_view>

#include "shim/common/text/text_buffer.h"

namespace holdwatch {

struct Argument {
  // separator: the first "--", after which all arguments are operands.
  enum class Kind : uint8_t { operand, option, help, separator };

  Kind kind = Kind::operand;
  const char* text = "";  // as typed
  std::string_view name;  // an option's, without the dashes and what follows =; empty for "-x": no option has one dash
  const char* value = nullptr;  // what follows = in an option, or null
};

class ArgumentReader {
 public:
  // first: the first operand ends the options, because it names a program, and what follows belongs to that program.
  enum class Options : uint8_t { first, anywhere };

  ArgumentReader(int count, const char* const* arguments, Options where)
      : arguments_(arguments), count_(count), where_(where) {}

  // False at the end.
  bool next(Argument& out);

  // The value of the option read last: after =, or the next argument, whatever it looks like; null if there is none.
  const char* value_of(const Argument& option);

  // The same for an option that is on or off: without a value it is on, and "--repeat 0" means the same as
  // "--repeat=0".
  const char* toggle_of(const Argument& option);

  // How many arguments have been read.
  int position() const { return at_; }

 private:
  const char* const* arguments_;
  int count_;
  Options where_;
  int at_ = 0;
  bool only_operands_ = false;
};

// Error messages, each one line for standard error, with exit status 2; a hint about what to type may be appended.
void write_unknown_option(const Argument& option, TextBuffer& out);
void write_missing_value(const Argument& option, std::string_view possible, TextBuffer& out);
void write_needless_value(const Argument& option, TextBuffer& out);
void write_invalid_process_id(std::string_view text, TextBuffer& out);

// A decimal number above zero, and nothing else.
bool parse_process_id(std::string_view text, int& pid);

}  // namespace holdwatch
