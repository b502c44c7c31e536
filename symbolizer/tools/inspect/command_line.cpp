// See command_line.h.
#include "symbolizer/tools/inspect/command_line.h"

#include <vector>

#include "shim/common/options/option_values.h"
#include "symbolizer/tools/command_line/argument_reader.h"

namespace holdwatch {
namespace {

constexpr char kColorValues[] = "auto, always, never";  // in the order of ColorWhen
constexpr char kUsage[] = "usage: holdwatch inspect PID, or holdwatch inspect --core FILE [PROGRAM]";

std::string with_usage(const TextBuffer& message) {
  return std::string(message) + "; " + kUsage;
}

// Returns an error message, or an empty string; so do the following.
std::string take_color(const Argument& option, ArgumentReader& reader, InspectArguments& out) {
  Line<512> message;
  const char* const given = reader.value_of(option);
  const Parsed<size_t> choice = parse_choice(given == nullptr ? "" : given, kColorValues);
  if (choice.ok()) {
    out.color = static_cast<ColorWhen>(choice.value);
    return "";
  }
  if (given == nullptr)
    write_missing_value(option, kColorValues, message);
  else
    message << "invalid value of --color: " << given << " (" << kColorValues << ")";
  return with_usage(message);
}

std::string take_option(const Argument& option, ArgumentReader& reader, InspectArguments& out) {
  Line<512> message;
  if (option.name == "color") return take_color(option, reader, out);
  std::string* value = option.name == "core" ? &out.core : option.name == "json" ? &out.json : nullptr;
  if (value == nullptr) {
    write_unknown_option(option, message);
    return with_usage(message);
  }
  const char* given = reader.value_of(option);
  if (given == nullptr || *given == '\0') {
    write_missing_value(option, "FILE", message);
    return with_usage(message);
  }
  *value = given;
  return "";
}

std::string take_operands(const std::vector<std::string>& operands, InspectArguments& out) {
  if (!out.core.empty()) {
    if (operands.size() > 1) return std::string("too many arguments; ") + kUsage;
    if (!operands.empty()) out.program = operands.front();
    return "";
  }
  if (operands.size() != 1) return kUsage;
  if (parse_process_id(operands.front(), out.pid)) return "";
  Line<512> message;
  write_invalid_process_id(operands.front(), message);
  return with_usage(message);
}

}  // namespace

std::optional<InspectArguments> parse_inspect_arguments(int count, const char* const* arguments, std::string& why) {
  InspectArguments out;
  std::vector<std::string> operands;
  ArgumentReader reader(count, arguments, ArgumentReader::Options::anywhere);
  for (Argument argument; why.empty() && reader.next(argument);) {
    switch (argument.kind) {
      case Argument::Kind::help:
      case Argument::Kind::option:
        why = take_option(argument, reader, out);
        break;
      case Argument::Kind::operand:
        operands.emplace_back(argument.text);
        break;
      case Argument::Kind::separator:
        break;
    }
  }
  if (why.empty()) why = take_operands(operands, out);
  return why.empty() ? std::optional(out) : std::nullopt;
}

}  // namespace holdwatch
