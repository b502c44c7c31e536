// The command line of `holdwatch inspect`, without --help, which is the launcher's.
// Pure.
#pragma once

#include <optional>
#include <string>

namespace holdwatch {

struct InspectArguments {
  int pid = 0;
  std::string core;     // a core file; empty: the process lives
  std::string program;  // whose core it is; empty: as the core says
  std::string json;     // a file, "-" for standard output, empty: none
};

// Nothing if they make no sense; then `why` says what to type.
std::optional<InspectArguments> parse_inspect_arguments(int count, const char* const* arguments, std::string& why);

}  // namespace holdwatch
