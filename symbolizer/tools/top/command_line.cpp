// See command_line.h.
#include "symbolizer/tools/top/command_line.h"

#include <string_view>

#include "shim/common/options/option_values.h"
#include "shim/common/text/digits.h"
#include "symbolizer/tools/command_line/argument_reader.h"

namespace holdwatch::top {
namespace {

constexpr char kUsage[] = "usage: holdwatch top PID [--interval DURATION] [--count N] [--color WHEN]";
constexpr char kColorValues[] = "auto, always, never";  // in the order of ColorWhen
constexpr uint64_t kLeastIntervalNs = 100'000'000;

// Each returns why the value is invalid, or an empty string.
std::string take_interval(const char* given, TopArguments& out) {
  const Parsed<uint64_t> duration = parse_duration(given);
  if (!duration.ok()) return duration.reason;
  if (duration.value < kLeastIntervalNs) return "at least 100ms";
  out.interval_ns = duration.value;
  return "";
}

std::string take_count(std::string_view given, TopArguments& out) {
  const std::optional<uint64_t> number = take_number(given, 10);
  if (!number || !given.empty() || *number == 0) return "a number above 0";
  out.count = *number;
  return "";
}

std::string take_color(const char* given, TopArguments& out) {
  const Parsed<size_t> choice = parse_choice(given, kColorValues);
  if (!choice.ok()) return kColorValues;
  out.color = static_cast<ColorWhen>(choice.value);
  return "";
}

std::string take_option(const Argument& option, ArgumentReader& reader, TopArguments& out) {
  Line<512> message;
  const bool is_interval = option.name == "interval", is_count = option.name == "count";
  if (!is_interval && !is_count && option.name != "color") {
    write_unknown_option(option, message);
    return message.c_str();
  }
  const char* const given = reader.value_of(option);
  if (given == nullptr || *given == '\0') {
    write_missing_value(option, is_interval ? "a duration, such as 2s" : is_count ? "a number" : kColorValues, message);
    return message.c_str();
  }
  const std::string reason = is_interval ? take_interval(given, out)
                             : is_count  ? take_count(given, out)
                                         : take_color(given, out);
  if (reason.empty()) return "";
  message << "invalid value of --" << option.name << ": " << given << " (" << reason << ")";
  return message.c_str();
}

std::string take_operand(const char* given, TopArguments& out) {
  if (out.pid != 0) return "too many arguments";
  if (parse_process_id(given, out.pid)) return "";
  Line<512> message;
  write_invalid_process_id(given, message);
  return message.c_str();
}

std::string parse(ArgumentReader reader, TopArguments& out) {
  std::string why;
  for (Argument argument; why.empty() && reader.next(argument);) {
    switch (argument.kind) {
      case Argument::Kind::help:
      case Argument::Kind::option:
        why = take_option(argument, reader, out);
        break;
      case Argument::Kind::operand:
        why = take_operand(argument.text, out);
        break;
      case Argument::Kind::separator:
        break;
    }
  }
  return why;
}

}  // namespace

std::optional<TopArguments> parse_top_arguments(int count, const char* const* arguments, std::string& why) {
  TopArguments out;
  why = parse({count, arguments, ArgumentReader::Options::anywhere}, out);
  if (why.empty() && out.pid != 0) return out;
  why += (why.empty() ? "" : "; ") + std::string(kUsage);
  return std::nullopt;
}

}  // namespace holdwatch::top
