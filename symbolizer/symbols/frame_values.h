// What is known of a frame when its variables are looked for.
// Plain data.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

namespace holdwatch {

struct FrameValues {
  // By DWARF's number; nothing if it is not known.
  std::function<std::optional<uint64_t>(unsigned number)> register_value;
  // Eight bytes of the process; nothing if they cannot be read, or are not those of the frame's moment.
  std::function<std::optional<uint64_t>(uintptr_t address)> word;
  std::optional<uintptr_t> cfa;  // the canonical frame address
  uintptr_t bias = 0;            // what is to be added to the file's addresses
};

}  // namespace holdwatch
