// See rust_v0_symbol.h. The grammar is that of RFC 2603.
#include "symbolizer/symbols/rust_v0_symbol.h"

#include "shim/common/text/digits.h"

namespace holdwatch {

char RustV0Symbol::next() {
  if (is_at_end()) throw MalformedSymbol();
  return symbol_[at_++];
}

bool RustV0Symbol::eat(char c) {
  if (peek() != c) return false;
  ++at_;
  return true;
}

uint64_t RustV0Symbol::base_62() {
  if (eat('_')) return 0;
  uint64_t value = 0;
  while (!eat('_')) {
    const char c = next();
    const int digit = is_digit(c)            ? static_cast<int>(digit_value(c))
                      : c >= 'a' && c <= 'z' ? 10 + c - 'a'
                      : c >= 'A' && c <= 'Z' ? 36 + c - 'A'
                                             : -1;
    if (digit < 0 || value > (UINT64_MAX - 62) / 62) throw MalformedSymbol();
    value = value * 62 + static_cast<uint64_t>(digit);
  }
  return value + 1;
}

size_t RustV0Symbol::decimal() {
  if (eat('0')) return 0;
  std::string_view rest = symbol_.substr(at_);
  const std::optional<uint64_t> number = take_number(rest, 10);
  if (!number) throw MalformedSymbol();
  at_ = symbol_.size() - rest.size();
  return *number;
}

RustV0Symbol::Identifier RustV0Symbol::identifier() {
  Identifier id;
  id.is_punycode = eat('u');
  const size_t length = decimal();
  eat('_');
  if (length > symbol_.size() - at_) throw MalformedSymbol();
  id.text = symbol_.substr(at_, length);
  at_ += length;
  return id;
}

std::string_view RustV0Symbol::hex_digits() {
  const size_t start = at_;
  while (digit_value(peek()) < 16) ++at_;
  const std::string_view digits = symbol_.substr(start, at_ - start);
  if (!eat('_')) throw MalformedSymbol();
  return digits;
}

}  // namespace holdwatch
