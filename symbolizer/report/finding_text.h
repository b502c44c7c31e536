// Text from the fixed-size fields of a Finding.
// Pure.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>

namespace holdwatch {

// Up to the terminating zero, or the whole field.
template <size_t Size>
std::string bounded(const char (&text)[Size]) {
  return std::string(text, strnlen(text, Size));
}

// "L3"; empty for 0, which stands for no lock.
inline std::string lock_id(uint32_t id) {
  return id == 0 ? std::string() : "L" + std::to_string(id);
}

}  // namespace holdwatch
