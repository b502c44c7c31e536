// Demangling through the C++ ABI's own function, and the clean-up after it. See demangle.h.
// Cold context only; pure.
#include "symbolizer/symbols/demangle.h"

#include <array>
#include <optional>
#include <utility>

#include "symbolizer/symbols/rust_names.h"

// What __cxa_demangle is made of, in gcc's libsupc++.a though in no header: it hands out the text piece by piece. Nothing
// else can be stopped in time. Each "S_" of a symbol may double what came before it, so that the name behind 300 bytes of
// a hostile file's symbol is larger than any memory, and __cxa_demangle does not come back.
extern "C" int __gcclibcxx_demangle_callback(const char* symbol,
                                             void (*take)(const char* text, size_t size, void* context), void* context);

namespace holdwatch {
namespace {

// Names of that length come from files gone bad.
constexpr size_t kMaxSymbol = 4096;
constexpr size_t kMaxName = 16384;
constexpr size_t kShown = 256;  // of what is too long

struct TooLong {};

void append_piece(const char* text, size_t size, void* context) {
  auto& name = *static_cast<std::string*>(context);
  // The C code in between holds nothing that would have to be given back.
  if (size > kMaxName - name.size()) throw TooLong();
  name.append(text, size);
}

std::optional<std::string> full_name(const std::string& symbol) {
  std::string name;
  try {
    if (__gcclibcxx_demangle_callback(symbol.c_str(), append_piece, &name) != 0) return std::nullopt;
  } catch (const TooLong&) {
    return std::nullopt;
  }
  return name;
}

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
  if (symbol.size() > kMaxSymbol) return std::string(symbol.substr(0, kShown)) + "...";
  std::string name(without_clone_suffix(symbol));
  if (std::optional<std::string> rust = demangle_rust(symbol, kMaxName)) return std::move(*rust);
  if (!name.starts_with("_Z")) return name;
  if (std::optional<std::string> full = full_name(name)) return readable(std::move(*full));
  return name;
}

bool is_rust_symbol(std::string_view symbol) {
  if (symbol.starts_with("__rust_")) return true;  // what the compiler makes itself, as __rust_try
  return symbol.size() <= kMaxSymbol && demangle_rust(symbol, kMaxName).has_value();
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
