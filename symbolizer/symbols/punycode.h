// Punycode (RFC 3492), in the variant of Rust's symbols: the basic characters end in '_' instead of '-'.
// Cold context only; pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace holdwatch {

// The text as UTF-8; nothing if it is not punycode, or longer than any identifier that is worth decoding.
std::optional<std::string> decode_punycode(std::string_view text);

}  // namespace holdwatch
