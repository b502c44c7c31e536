// The part of the launcher that reaches into a running process: attach, detach, snapshot, stop, start, limit.
//     control attach LIBRARY PID      options: HOLDWATCH_* in the environment
//     control detach|snapshot|stop|start PID
//     control limit PID DURATION
// Exit status 1: the process could not be had or would not, said in one line; 2: bad use.
#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <cstring>
#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shim/common/options/option_values.h"
#include "symbolizer/tools/attach/commands.h"

namespace holdwatch::control {
namespace {

struct BadUse {
  std::string what;
};

BadUse should_be(const std::string& why, const std::string& usage) {
  return BadUse{why + "usage: holdwatch " + usage};
}

int process_id(const char* text, const std::string& usage) {
  int pid = 0;
  const char* end = text + strlen(text);
  const auto [stopped, error] = std::from_chars(text, end, pid);
  if (error != std::errc{} || stopped != end || pid <= 0)
    throw should_be(std::string("invalid process id '") + text + "'; ", usage);
  return pid;
}

uint64_t duration_ns(const char* text) {
  const Parsed<uint64_t> duration = parse_duration(text);
  if (!duration.ok()) throw BadUse{std::string("invalid duration '") + text + "': " + duration.reason};
  return duration.value;
}

std::vector<std::string> options_in_environment() {
  std::vector<std::string> options;
  for (const char* const* entry = environ; *entry != nullptr; ++entry)
    if (std::string_view(*entry).starts_with("HOLDWATCH_")) options.emplace_back(*entry);
  return options;
}

void run(const std::vector<const char*>& arguments) {
  const std::string_view command = arguments.empty() ? "" : arguments[0];
  const auto process = [&](size_t count, size_t at, const std::string& usage) {
    if (arguments.size() != count + 1) throw should_be("", usage);
    return process_id(arguments[at], usage);
  };
  if (command == "attach")
    return attach(process(2, 2, "attach PID [OPTION...]"), arguments[1], options_in_environment());
  if (command == "limit") {
    const int pid = process(2, 1, "limit PID DURATION");
    return limit(pid, duration_ns(arguments[2]), arguments[2]);
  }
  constexpr struct {
    std::string_view name;
    void (*function)(int);
  } kCommands[] = {{"detach", detach}, {"snapshot", snapshot}, {"stop", stop}, {"start", start}};
  for (const auto& known : kCommands) {
    if (known.name == command) return known.function(process(1, 1, std::string(command) + " PID"));
  }
  throw should_be("internal helper of the launcher; ", "--help");
}

}  // namespace
}  // namespace holdwatch::control

int main(int argc, char** argv) {
  try {
    holdwatch::control::run({argv + 1, argv + argc});
    return 0;
  } catch (const holdwatch::control::BadUse& use) {
    std::fprintf(stderr, "holdwatch: %s\n", use.what.c_str());
    return 2;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "holdwatch: %s\n", error.what());
    return 1;
  }
}
