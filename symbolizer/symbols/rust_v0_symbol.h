// The characters of a Rust symbol in the scheme v0, read from left to right: numbers, identifiers, digits.
// Cold context only; pure. Throws MalformedSymbol where the symbol does not go on as expected.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace holdwatch {

struct MalformedSymbol {};

class RustV0Symbol {
 public:
  struct Identifier {
    std::string_view text;
    bool is_punycode = false;
  };

  // `symbol` without "_R": back references count from there.
  explicit RustV0Symbol(std::string_view symbol) : symbol_(symbol) {}

  size_t position() const { return at_; }
  void go_to(size_t position) { at_ = position; }
  void step_back() { --at_; }
  bool is_at_end() const { return at_ == symbol_.size(); }

  char peek() const { return at_ < symbol_.size() ? symbol_[at_] : '\0'; }
  char next();
  // Goes on only if the next character is `c`.
  bool eat(char c);

  // "_" is 0, "0_" is 1, "Z_" is 62.
  uint64_t base_62();
  // 0 if the tag is missing.
  uint64_t optional_base_62(char tag) { return eat(tag) ? base_62() + 1 : 0; }
  uint64_t disambiguator() { return optional_base_62('s'); }
  Identifier identifier();
  // Up to their end, "_".
  std::string_view hex_digits();

 private:
  // Without a zero before it: "0" is a number, and what follows is not its.
  size_t decimal();

  std::string_view symbol_;
  size_t at_ = 0;
};

}  // namespace holdwatch
