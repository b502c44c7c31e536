// The part of the launcher that works on a running process: attach, detach, snapshot, stop, start, limit.
//     control attach LIBRARY PID      options: HOLDWATCH_* in the environment
//     control detach|stop|start PID
//     control snapshot [--waits] PID
//     control limit PID DURATION
// Exit status 1: the process could not be reached or refused, explained in one line; 2: bad use.
#include <unistd.h>

#include <cstdio>
#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shim/common/options/option_values.h"
#include "symbolizer/tools/attach/commands.h"
#include "symbolizer/tools/command_line/operands.h"

namespace holdwatch::attach {
namespace {

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

void run(int count, const char* const* arguments) {
  const std::string_view command = count == 0 ? "" : arguments[0];
  const auto operands = [&](size_t wanted, const std::string& usage) {
    const auto given = read_operands(count - 1, arguments + 1, usage);
    if (given.size() != wanted) throw bad_use("", usage);
    return given;
  };
  if (command == "attach") {
    const std::string usage = "attach PID [OPTION...]";
    const auto given = operands(2, usage);
    return attach(read_process_id(given[1], usage), given[0], options_in_environment());
  }
  if (command == "limit") {
    const std::string usage = "limit PID DURATION";
    const auto given = operands(2, usage);
    return limit(read_process_id(given[0], usage), duration_ns(given[1]), given[1]);
  }
  if (command == "snapshot") {
    const std::string usage = "snapshot [--waits] PID";
    OnlyFlag waits{"waits"};
    const auto given = read_operands(count - 1, arguments + 1, usage, &waits);
    if (given.size() != 1) throw bad_use("", usage);
    const int pid = read_process_id(given[0], usage);
    return waits.is_given ? snapshot_condition_waits(pid) : snapshot(pid);
  }
  constexpr struct {
    std::string_view name;
    void (*function)(int);
  } kCommands[] = {{"detach", detach}, {"stop", stop}, {"start", start}};
  for (const auto& known : kCommands) {
    if (known.name != command) continue;
    const std::string usage = std::string(command) + " PID";
    return known.function(read_process_id(operands(1, usage)[0], usage));
  }
  throw bad_use("internal helper of the launcher", "--help");
}

}  // namespace
}  // namespace holdwatch::attach

int main(int argc, char** argv) {
  try {
    holdwatch::attach::run(argc - 1, argv + 1);
    return 0;
  } catch (const holdwatch::BadUse& use) {
    std::fprintf(stderr, "holdwatch: %s\n", use.what.c_str());
    return 2;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "holdwatch: %s\n", error.what());
    return 1;
  }
}
