// What the fuzz targets share: a check that ends the run, and an input that is read as a row of choices.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace holdwatch::fuzz {

inline void check(bool holds) {
  if (!holds) __builtin_trap();
}

// The input, taken from front to back; zeros once it is used up.
class Choices {
 public:
  Choices(const unsigned char* data, size_t size)
      : rest_(size == 0 ? std::string_view() : std::string_view(reinterpret_cast<const char*>(data), size)) {}

  bool more() const { return !rest_.empty(); }

  template <typename T>
  T take() {
    T value{};
    const size_t got = rest_.size() < sizeof value ? rest_.size() : sizeof value;
    if (got != 0) std::memcpy(&value, rest_.data(), got);
    rest_.remove_prefix(got);
    return value;
  }

  // A text with its length before it, so that several fit into one input.
  std::string text() {
    const size_t wanted = take<uint8_t>();
    const std::string text(rest_.substr(0, wanted));
    rest_.remove_prefix(text.size());
    return text;
  }

  std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
};

// Changes of valid data: bytes alone would rarely get beyond the first header that is checked. Each is a distance from
// the one before, and the byte to put there; 0xff and a length announces a run of bytes, 0xfe a word of eight.
template <typename Bytes>
void edit(Choices& choices, Bytes& bytes, size_t most) {
  size_t at = 0;
  for (size_t i = 0; i < most && choices.more() && !bytes.empty(); ++i) {
    at = (at + choices.take<uint16_t>()) % bytes.size();
    const auto kind = choices.take<uint8_t>();
    const size_t length = kind == 0xff ? 4 : kind == 0xfe ? 8 : 1;
    for (size_t k = 0; k < length; ++k) {
      const uint8_t value = length == 1 ? kind : choices.take<uint8_t>();
      bytes[(at + k) % bytes.size()] = static_cast<typename Bytes::value_type>(value);
    }
  }
}

}  // namespace holdwatch::fuzz
