// Rust's symbols in the scheme v0 (RFC 2603). Cold context only; pure.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace holdwatch {

// The name of a symbol that begins with "_R"; nothing if it is not understood, or longer than `most` characters.
std::optional<std::string> demangle_rust_v0(std::string_view symbol, size_t most);

}  // namespace holdwatch
