// See command_line.h.
#include "symbolizer/tools/inspect/command_line.h"

#include <charconv>

namespace holdwatch {
namespace {

constexpr char kUsage[] = "usage: holdwatch inspect PID, or holdwatch inspect --core FILE [PROGRAM]";

// "--name VALUE" and "--name=VALUE". False if the word is another one.
bool take_value(const std::vector<std::string>& words, size_t& at, const std::string& name, std::string& value,
                std::string& why) {
  const std::string& word = words[at];
  if (word.starts_with(name + "=")) {
    value = word.substr(name.size() + 1);
  } else if (word != name) {
    return false;
  } else if (at + 1 < words.size()) {
    value = words[++at];
  }
  if (value.empty()) why = name + " requires a file; " + kUsage;
  return true;
}

bool parse_pid(const std::string& word, int& pid) {
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), pid);
  return error == std::errc() && end == word.data() + word.size() && pid > 0;
}

std::string take_operands(const std::vector<std::string>& operands, InspectArguments& out) {
  if (!out.core.empty()) {
    if (operands.size() > 1) return std::string("too many arguments; ") + kUsage;
    if (!operands.empty()) out.program = operands.front();
    return "";
  }
  if (operands.size() != 1) return kUsage;
  return parse_pid(operands.front(), out.pid) ? "" : "invalid process id '" + operands.front() + "'; " + kUsage;
}

}  // namespace

std::optional<InspectArguments> parse_inspect_arguments(const std::vector<std::string>& words, std::string& why) {
  InspectArguments out;
  std::vector<std::string> operands;
  for (size_t at = 0; at < words.size() && why.empty(); ++at) {
    if (take_value(words, at, "--core", out.core, why) || take_value(words, at, "--json", out.json, why)) continue;
    if (words[at].starts_with('-')) {
      why = "unknown option " + words[at] + "; " + kUsage;
    } else {
      operands.push_back(words[at]);
    }
  }
  if (why.empty()) why = take_operands(operands, out);
  return why.empty() ? std::optional(out) : std::nullopt;
}

}  // namespace holdwatch
