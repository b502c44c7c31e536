// What all readers of unwind tables need: a sequential byte reader, and the encodings of pointers.
// Pure; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>

namespace holdwatch {

inline constexpr uint8_t kOmittedPointer = 0xff;  // DW_EH_PE_omit

// Size of a pointer in one of the encodings that compilers use; 0 for any other.
inline size_t encoded_size(uint8_t encoding) {
  switch (encoding & 0x0f) {
    case 0x00:
    case 0x04:
    case 0x0c:
      return 8;  // absptr, udata8, sdata8
    case 0x03:
    case 0x0b:
      return 4;  // udata4, sdata4
    default:
      return 0;
  }
}

// A copy of some bytes, read sequentially; `good` becomes false at the first read beyond the end.
class Bytes {
 public:
  Bytes(const unsigned char* data, size_t size) : at_(data), end_(data + size) {}

  bool good() const { return good_; }
  bool more() const { return good_ && at_ != end_; }
  size_t left() const { return static_cast<size_t>(end_ - at_); }
  const unsigned char* position() const { return at_; }

  template <typename T>
  T take() {
    T value{};
    if (!skip(sizeof value)) return T{};
    std::memcpy(&value, at_ - sizeof value, sizeof value);
    return value;
  }

  bool skip(uint64_t count) {
    if (!good_ || count > left()) return good_ = false;
    at_ += count;
    return true;
  }

  uint64_t take_leb128() {
    unsigned bits;
    return take_leb128(&bits);
  }

  int64_t take_signed_leb128() {
    unsigned bits = 0;
    const uint64_t value = take_leb128(&bits);
    const bool is_cut = bits > 0 && bits < 64;  // its sign is that of the highest bit which is there
    return static_cast<int64_t>(is_cut && (value >> (bits - 1) & 1) != 0 ? value | ~uint64_t{0} << bits : value);
  }

  // A pointer of a fixed size, absolute or relative to its own place, which is at the run-time address `field`. Nothing in
  // another encoding, or if there are too few bytes; 0 is always "none".
  std::optional<uint64_t> take_pointer(uint8_t encoding, uint64_t field) {
    constexpr uint8_t kRelative = 0x10;  // DW_EH_PE_pcrel
    constexpr uint8_t kSigned = 0x08;
    const size_t size = encoded_size(encoding);
    const unsigned base = encoding & 0xf0u;
    if (size == 0 || (base != 0 && base != kRelative)) return std::nullopt;
    uint64_t value = size == 8                   ? take<uint64_t>()
                     : (encoding & kSigned) != 0 ? static_cast<uint64_t>(int64_t{take<int32_t>()})
                                                 : uint64_t{take<uint32_t>()};
    if (!good_) return std::nullopt;
    if (base == kRelative && value != 0) value += field;
    return value;
  }

  Bytes take_block(uint64_t size) {
    const unsigned char* start = at_;
    return skip(size) ? Bytes(start, size) : Bytes(start, 0);
  }

 private:
  // `bits`: how many were encoded.
  uint64_t take_leb128(unsigned* bits) {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const auto byte = take<uint8_t>();
      value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      *bits = shift + 7;
      if ((byte & 0x80) == 0) return value;
    }
    good_ = false;
    return 0;
  }

  const unsigned char* at_;
  const unsigned char* end_;
  bool good_ = true;
};

}  // namespace holdwatch
