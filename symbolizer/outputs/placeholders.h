// The placeholders of a path option: %p pid, %e program name, %h host, %t start time, %% a percent sign.
// Pure, except current_process_facts, which reads them from the kernel.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace holdwatch {

struct ProcessFacts {
  pid_t pid = 0;
  std::string exe;      // full path
  std::string program;  // its last part
  std::string host;
  uint64_t start_wall_ns = 0;  // CLOCK_REALTIME when the process started
};

// Unknown values stay empty or zero.
ProcessFacts current_process_facts();

// An unknown placeholder stays as it is. A slash in an inserted value becomes "_", so that a program or host cannot
// choose the directory.
std::string expand_placeholders(std::string_view pattern, const ProcessFacts& facts);

}  // namespace holdwatch
