// C++ and Rust names as the program's author wrote them.
// Cold context only; pure.
#pragma once

#include <string>
#include <string_view>

namespace holdwatch {

// A symbol's name demangled and made readable. What is no C++ or Rust symbol stays as it is, but for the suffixes with which
// compilers mark parts of one function (foo.cold, foo.part.0): to a reader it is that function. A symbol of absurd length
// is cut, and one whose name would be stays mangled.
std::string demangle(std::string_view symbol);

// Whether the symbol is one of Rust's. Of the name alone that cannot be said: both languages have a std::thread.
bool is_rust_symbol(std::string_view symbol);

// A demangled name with what nobody writes taken out: inline namespaces of the standard libraries, the template behind
// std::string and std::string_view.
std::string readable(std::string name);

}  // namespace holdwatch
