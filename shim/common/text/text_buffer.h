// Builds one line of text in a fixed array: the shim's replacement for printf and iostream, which allocate and lock.
// Any context, signal handlers included. Never allocates, calls no other code; text that does not fit ends in "...".
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "shim/common/text/digits.h"

namespace holdwatch {

// Wrappers that choose a format: `line << Hex{address}` gives 0x55d0c81f20, `line << Duration{ns}` gives 12.4 s.
struct Hex {
  uint64_t value;
};
struct Duration {
  uint64_t ns;
};

// Appends to storage that the caller owns. The text is zero-terminated at every moment.
class TextBuffer {
 public:
  TextBuffer(char* storage, size_t size) : storage_(storage), capacity_(size - 1) { clear(); }
  TextBuffer(const TextBuffer&) = delete;
  TextBuffer& operator=(const TextBuffer&) = delete;

  TextBuffer& operator<<(std::string_view text);
  TextBuffer& operator<<(const char* text) { return *this << std::string_view(text); }
  TextBuffer& operator<<(char character) { return *this << std::string_view(&character, 1); }
  TextBuffer& operator<<(Hex hex) { return (*this << "0x").append_digits(hex.value, 16); }
  TextBuffer& operator<<(Duration duration);

  // One overload for every integer type; a bool is written as 0 or 1.
  template <std::integral Number>
  TextBuffer& operator<<(Number number) {
    if (number < Number{0}) return (*this << '-').append_digits(-static_cast<uint64_t>(number), 10);
    return append_digits(static_cast<uint64_t>(number), 10);
  }

  void clear();

  const char* c_str() const { return storage_; }
  size_t size() const { return size_; }
  bool truncated() const { return truncated_; }
  operator std::string_view() const { return {storage_, size_}; }

 private:
  TextBuffer& append_digits(uint64_t value, unsigned base);
  TextBuffer& append_in_unit(uint64_t value, uint64_t unit, unsigned decimals);

  char* storage_;
  size_t capacity_;  // characters, without the terminating zero
  size_t size_ = 0;
  bool truncated_ = false;
};

// A TextBuffer that contains its storage: Line<256> line; line << "thread " << tid;
template <size_t Size>
class Line : public TextBuffer {
  static_assert(Size >= 8, "too small to say that something was left out");

 public:
  // The base class writes the terminating zero into `characters_` before that member is initialized, and the member has
  // no initializer that would undo it.
  Line() : TextBuffer(characters_, Size) {}

 private:
  char characters_[Size];
};

inline void TextBuffer::clear() {
  size_ = 0;
  truncated_ = false;
  storage_[0] = '\0';
}

inline TextBuffer& TextBuffer::operator<<(std::string_view text) {
  if (truncated_) return *this;
  for (const char character : text) {
    if (size_ == capacity_) {
      truncated_ = true;
      const size_t dots = capacity_ < 3 ? capacity_ : 3;
      for (size_t i = 1; i <= dots; ++i) storage_[capacity_ - i] = '.';
      break;
    }
    storage_[size_++] = character;
  }
  storage_[size_] = '\0';
  return *this;
}

inline TextBuffer& TextBuffer::append_digits(uint64_t value, unsigned base) {
  char digits[20];  // 2^64 has 20 decimal digits
  size_t first = sizeof digits;
  do {
    digits[--first] = kDigits[value % base];
    value /= base;
  } while (value != 0);
  return *this << std::string_view(digits + first, sizeof digits - first);
}

// `value` in that unit, rounded down, with up to so many decimals: 2.50 is written as 2.5.
inline TextBuffer& TextBuffer::append_in_unit(uint64_t value, uint64_t unit, unsigned decimals) {
  append_digits(value / unit, 10);
  char digits[3] = {'.'};
  size_t kept = 0;
  for (size_t i = 1; i <= decimals; ++i) {
    value = value % unit * 10;
    digits[i] = kDigits[value / unit];
    if (digits[i] != '0') kept = i + 1;
  }
  return *this << std::string_view(digits, kept);
}

// At most two units: 850 ms, 1.25 s, 12.4 s, 14 min 3 s, 3 h 20 min; a part that is zero is left out. Rounds down,
// because a held time is a lower bound: a lock must not appear to be held longer than is known.
inline TextBuffer& TextBuffer::operator<<(Duration duration) {
  struct Unit {
    uint64_t ns;
    const char* name;
    uint64_t part_ns;
    const char* part_name;
  };
  constexpr uint64_t kMicrosecond = 1'000, kMillisecond = 1'000'000, kSecond = 1'000'000'000;
  static constexpr Unit kUnits[] = {{86'400 * kSecond, " d", 3'600 * kSecond, " h"},
                                    {3'600 * kSecond, " h", 60 * kSecond, " min"},
                                    {60 * kSecond, " min", kSecond, " s"}};
  const uint64_t ns = duration.ns;
  for (const Unit& unit : kUnits) {
    if (ns < unit.ns) continue;
    *this << ns / unit.ns << unit.name;
    const uint64_t parts = ns % unit.ns / unit.part_ns;
    return parts == 0 ? *this : *this << ' ' << parts << unit.part_name;
  }
  if (ns >= kSecond) return append_in_unit(ns, kSecond, ns < 10 * kSecond ? 2 : 1) << " s";
  if (ns >= kMillisecond) return append_in_unit(ns, kMillisecond, ns < 10 * kMillisecond ? 1 : 0) << " ms";
  return append_in_unit(ns, kMicrosecond, ns < 10 * kMicrosecond ? 1 : 0) << " us";
}

}  // namespace holdwatch
