// See rust_legacy_names.h.
#include "symbolizer/symbols/rust_legacy_names.h"

#include <array>
#include <bitset>
#include <cstdint>

#include "shim/common/text/digits.h"
#include "symbolizer/symbols/unicode.h"

namespace holdwatch {
namespace {

// "17h0123456789abcdef": the last part of each name. A hash has many different digits; with few, it is an ordinary
// name.
bool is_hash(std::string_view part) {
  constexpr size_t kFewest = 5;
  if (part.size() != 17 || part.front() != 'h') return false;
  std::bitset<16> seen;
  for (const char c : part.substr(1)) {
    if (digit_value(c) == 16) return false;
    seen.set(digit_value(c));
  }
  return seen.count() >= kFewest;
}

// Appends the meaning of "$...$"; false if it is unknown.
bool append_escape(std::string& out, std::string_view name) {
  struct Escape {
    std::string_view name;
    char character;
  };
  static constexpr std::array<Escape, 8> kEscapes = {
      {{"SP", '@'}, {"BP", '*'}, {"RF", '&'}, {"LT", '<'}, {"GT", '>'}, {"LP", '('}, {"RP", ')'}, {"C", ','}}};
  for (const Escape& escape : kEscapes) {
    if (name != escape.name) continue;
    out += escape.character;
    return true;
  }
  if (!name.starts_with('u')) return false;
  const std::optional<uint64_t> code = number_of(name.substr(1), 16);
  if (!code || !is_character(*code) || is_control(*code)) return false;
  append_utf8(out, static_cast<uint32_t>(*code));
  return true;
}

// One part of a path: "$LT$impl$u20$Foo$GT$", "{{closure}}".
void append_legacy_part(std::string& out, std::string_view part) {
  if (part.starts_with("_$")) part.remove_prefix(1);
  while (!part.empty()) {
    if (part.starts_with("..")) {
      out += "::";
      part.remove_prefix(2);
      continue;
    }
    const size_t end = part.front() == '$' ? part.find('$', 1) : std::string_view::npos;
    if (end == std::string_view::npos || !append_escape(out, part.substr(1, end - 1))) {
      if (part.front() == '$') {  // not one of the known escapes: unchanged
        out += part;
        return;
      }
      out += part.front();
      part.remove_prefix(1);
      continue;
    }
    part.remove_prefix(end + 1);
  }
}

// Takes a length and as many characters off the symbol; nothing if they are not there.
std::optional<std::string_view> take_part(std::string_view& symbol) {
  const uint64_t length = take_number(symbol, 10).value_or(0);
  if (length == 0 || length > symbol.size()) return std::nullopt;
  const std::string_view part = symbol.substr(0, length);
  symbol.remove_prefix(length);
  return part;
}

}  // namespace

std::optional<std::string> demangle_rust_legacy(std::string_view symbol) {
  symbol.remove_prefix(3);  // "_ZN"
  std::string out;
  std::string_view last;  // the hash, which is not part of the name
  bool is_first = true;
  while (!symbol.empty() && is_digit(symbol.front())) {
    const std::optional<std::string_view> part = take_part(symbol);
    if (!part) return std::nullopt;
    if (!last.empty()) {
      if (!is_first) out += "::";
      append_legacy_part(out, last);
      is_first = false;
    }
    last = *part;
  }
  const bool ends = symbol == "E" || symbol.starts_with("E.");
  if (!ends || !is_hash(last) || out.empty()) return std::nullopt;
  return out;
}

}  // namespace holdwatch
