// The command line of `holdwatch top`, except --help, which the launcher handles.
// Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "shim/common/contract/settings.h"

namespace holdwatch::top {

struct TopArguments {
  int pid = 0;
  uint64_t interval_ns = 1'000'000'000;
  uint64_t count = 0;  // end after so many lists; 0: never
  ColorWhen color = ColorWhen::automatic;
};

// Nothing if they are invalid; then `why` says what to type.
std::optional<TopArguments> parse_top_arguments(int count, const char* const* arguments, std::string& why);

}  // namespace holdwatch::top
