// Reads the options from the environment and from the file that HOLDWATCH_CONFIG names.
// Start context, before the program's first instruction. Never fails: errors are printed, and the default is kept.
#pragma once

#include <string_view>

#include "shim/common/contract/settings.h"

namespace holdwatch {

// Where the options come from and where messages go.
struct OptionSources {
  const char* const* environment;            // "NAME=value" texts, ended by a null pointer
  std::string_view program;                  // the program's name, for EXE
  bool secure;                               // the program has more privileges than its user: options are not trusted
  const char* (*describe_error)(int error);  // an errno in words
  void (*print)(void* context, std::string_view line);
  void* context;
};

// Reads the options and prints errors in them. Returns whether EXE matches this program; if not, nothing was printed.
bool options_load_from(Settings* out, const OptionSources& sources);

}  // namespace holdwatch
