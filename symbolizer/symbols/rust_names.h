// Rust's symbols with the names as their authors wrote them: the scheme "v0" (RFC 2603, "Rust Symbol Mangling") and the
// one before it, which looks like C++ and ends in a hash.
// Cold context only; pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace holdwatch {

// The name without crates' disambiguators and hashes; nothing if it is not a Rust symbol, or one that is not
// understood. A symbol may be arbitrary bytes: if its name would be longer than `most` characters, there is none.
std::optional<std::string> demangle_rust(std::string_view symbol, size_t most);

}  // namespace holdwatch
