// The command line of `holdwatch inspect`, except --help, which the launcher handles.
// Pure.
#pragma once

#include <optional>
#include <string>

#include "shim/common/contract/settings.h"

namespace holdwatch {

struct InspectArguments {
  int pid = 0;
  std::string core;     // a core file; empty: a running process
  std::string program;  // the program that dumped it; empty: the one named in the core
  std::string json;     // a file, "-" for standard output, empty: none
  ColorWhen color = ColorWhen::automatic;
};

// Nothing if they are invalid; then `why` says what to type.
std::optional<InspectArguments> parse_inspect_arguments(int count, const char* const* arguments, std::string& why);

}  // namespace holdwatch
