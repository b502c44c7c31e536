// Builds one line of text in a fixed array: the shim's replacement for printf and iostream, which allocate and lock.
// Any context, signal handlers included. Never allocates or calls out; text that does not fit ends in "...".
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace holdwatch {

// How a value is to be written: `line << Hex{address}` gives 0x55d0c81f20, `line << Duration{ns}` gives 12.4 s.
struct Hex {
  uint64_t value;
};
struct Duration {
  uint64_t ns;
};

// Appends to storage that belongs to somebody else. The text is zero-terminated at every moment.
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

  char* storage_;
  size_t capacity_;  // characters, without the terminating zero
  size_t size_ = 0;
  bool truncated_ = false;
};

// A TextBuffer that brings its storage along: Line<256> line; line << "thread " << tid;
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
    digits[--first] = "0123456789abcdef"[value % base];
    value /= base;
  } while (value != 0);
  return *this << std::string_view(digits + first, sizeof digits - first);
}

// Rounds down, because a held time is a lower bound: a lock must not look held longer than it is known to be. Two
// significant parts at most (850 ms, 12.4 s, 14 min 3 s, 3 h 20 min), and no part that is zero but the only one.
inline TextBuffer& TextBuffer::operator<<(Duration duration) {
  struct Unit {
    uint64_t ns;
    const char* name;
    uint64_t parts;         // how many of the smaller part make one unit
    const char* part_name;  // null: the smaller part is a tenth, written behind a point
  };
  constexpr uint64_t kSecond = 1'000'000'000;
  static constexpr Unit kUnits[] = {{3600 * kSecond, " h", 60, " min"}, {60 * kSecond, " min", 60, " s"},
                                    {kSecond, " s", 10, nullptr},       {1'000'000, " ms", 10, nullptr},
                                    {1'000, " us", 10, nullptr},        {1, " ns", 1, nullptr}};
  const Unit* unit = kUnits;
  while (unit->ns > 1 && duration.ns < unit->ns) ++unit;
  const uint64_t whole = duration.ns / unit->ns;
  const uint64_t part = duration.ns % unit->ns / (unit->ns / unit->parts);
  *this << whole;
  if (unit->part_name != nullptr) {
    *this << unit->name;
    if (part != 0) *this << ' ' << part << unit->part_name;
    return *this;
  }
  // Below a second a tenth matters only where there is but one digit: 1.5 ms, but 850 ms.
  if (part != 0 && (whole < 10 || unit->ns == kSecond)) *this << '.' << part;
  return *this << unit->name;
}

}  // namespace holdwatch
