// C++ and Rust names as the program's author wrote them.
// Cold context only; pure.
#pragma once

#include <string>
#include <string_view>

namespace holdwatch {

// A symbol's name, demangled and made readable. A name that is not a C++ or Rust symbol stays as it is, except for the
// suffixes with which compilers mark parts of one function (foo.cold, foo.part.0): to a reader it is that function. A
// symbol of absurd length is cut, and one whose demangled name would be too long stays mangled.
std::string demangle(std::string_view symbol);

// Whether the symbol is one of Rust's. The demangled name alone does not show that: both languages have a std::thread.
bool is_rust_symbol(std::string_view symbol);

// A demangled name without what no programmer writes: inline namespaces of the standard libraries, the template behind
// std::string and std::string_view.
std::string readable(std::string name);

}  // namespace holdwatch
