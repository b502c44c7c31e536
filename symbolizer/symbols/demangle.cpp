// Demangling through the C++ ABI's own function, and the clean-up after it. See demangle.h.
// Cold context only; pure.
#include "symbolizer/symbols/demangle.h"

#include <cxxabi.h>

#include <array>
#include <cstdlib>
#include <memory>

namespace holdwatch {
namespace {

// Names of that length come from files gone bad; a demangled name can be exponentially longer than its symbol.
constexpr size_t kMaxSymbol = 4096;

void replace_all(std::string& text, std::string_view what, std::string_view with) {
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size())) {
    text.replace(at, what.size(), with);
  }
}

// A template's closing bracket is written "> >" after another one; after a replaced template the space is left over.
void replace_template(std::string& text, std::string_view what, std::string_view with) {
  replace_all(text, what, with);
  replace_all(text, std::string(with) + " >", std::string(with) + ">");
}

// "foo.cold", "foo.part.0.constprop.1", "foo.llvm.123": gcc and clang put these after the name; no mangled name has a
// dot of its own.
std::string_view without_clone_suffix(std::string_view symbol) {
  constexpr std::array<std::string_view, 8> kClones = {".cold",     ".part", ".constprop",  ".isra",
                                                       ".lto_priv", ".llvm", ".localalias", ".clone"};
  const size_t dot = symbol.find('.', 1);
  if (dot == std::string_view::npos) return symbol;
  for (std::string_view clone : kClones) {
    const std::string_view rest = symbol.substr(dot);
    if (rest.starts_with(clone) && (rest.size() == clone.size() || rest[clone.size()] == '.')) {
      return symbol.substr(0, dot);
    }
  }
  return symbol;
}

}  // namespace

std::string demangle(std::string_view symbol) {
  std::string name(without_clone_suffix(symbol));
  if (!name.starts_with("_Z") || name.size() > kMaxSymbol) return name;
  int status = 0;
  std::unique_ptr<char, decltype(&std::free)> text(abi::__cxa_demangle(name.c_str(), nullptr, nullptr, &status),
                                                   &std::free);
  return status == 0 && text != nullptr ? readable(text.get()) : name;
}

std::string readable(std::string name) {
  for (std::string_view inline_namespace : {"std::__cxx11::", "std::__1::"}) {
    replace_all(name, inline_namespace, "std::");
  }
  replace_all(name, "std::chrono::_V2::", "std::chrono::");
  replace_all(name, "[abi:cxx11]", "");
  for (std::string_view end : {" >", ">"}) {  // gcc and older clang; newer clang
    const std::string close(end);
    replace_template(name, "std::basic_string<char, std::char_traits<char>, std::allocator<char>" + close,
                     "std::string");
    replace_template(name, "std::basic_string_view<char, std::char_traits<char>" + close, "std::string_view");
  }
  return name;
}

}  // namespace holdwatch
