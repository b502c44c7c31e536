// See command_line.h.
#include "symbolizer/inspect/command_line.h"

#include <charconv>

namespace holdwatch {

const char kInspectHelp[] =
    R"(Usage: holdwatch inspect PID [--json FILE]
       holdwatch inspect --core FILE [PROGRAM] [--json FILE]

Says of a process that hangs now, or of one that left a core file, which threads wait for which lock, who holds it, and
whether they wait in a circle. The process needs no preparation; nothing is put into it, and none of its blocked threads
notices. One that runs and holds a lock that others wait for is sampled by the kernel, or stopped for some microseconds
where that is not allowed; the last line says so.

  --core FILE   look at a core file; PROGRAM is needed only if its file is not where it was
  --json FILE   also append each report to FILE as a line of JSON; with - it takes the place of the text

Exit status: 0 no deadlock (threads that wait are told all the same), 1 it could not look, 2 bad use, 3 a deadlock, or a
lock that nobody can ever give back.
)";

namespace {

constexpr char kUsage[] = "type: holdwatch inspect PID, or holdwatch inspect --core FILE [PROGRAM]";

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
  if (value.empty()) why = name + " wants a file; " + kUsage;
  return true;
}

bool parse_pid(const std::string& word, int& pid) {
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), pid);
  return error == std::errc() && end == word.data() + word.size() && pid > 0;
}

std::string take_operands(const std::vector<std::string>& operands, InspectArguments& out) {
  if (!out.core.empty()) {
    if (operands.size() > 1) return std::string("too many words; ") + kUsage;
    if (!operands.empty()) out.program = operands.front();
    return "";
  }
  if (operands.size() != 1) return kUsage;
  return parse_pid(operands.front(), out.pid) ? "" : "'" + operands.front() + "' is no process id; " + kUsage;
}

}  // namespace

std::optional<InspectArguments> parse_inspect_arguments(const std::vector<std::string>& words, std::string& why) {
  InspectArguments out;
  std::vector<std::string> operands;
  for (size_t at = 0; at < words.size() && why.empty(); ++at) {
    if (words[at] == "--help" || words[at] == "-h") {
      out.help = true;
      return out;
    }
    if (take_value(words, at, "--core", out.core, why) || take_value(words, at, "--json", out.json, why)) continue;
    if (words[at].starts_with('-')) {
      why = "no option " + words[at] + "; " + kUsage;
    } else {
      operands.push_back(words[at]);
    }
  }
  if (why.empty()) why = take_operands(operands, out);
  return why.empty() ? std::optional(out) : std::nullopt;
}

}  // namespace holdwatch
