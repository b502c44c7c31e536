// Rust's symbols before the scheme v0: "_ZN3foo3bar17h0123456789abcdefE". Cold context only; pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace holdwatch {

// The name of a symbol that begins with "_ZN", without the hash; nothing if it is not Rust's, but C++.
std::optional<std::string> demangle_rust_legacy(std::string_view symbol);

}  // namespace holdwatch
