// See rust_names.h.
#include "symbolizer/symbols/rust_names.h"

#include "symbolizer/symbols/rust_legacy_names.h"
#include "symbolizer/symbols/rust_v0_names.h"

namespace holdwatch {

std::optional<std::string> demangle_rust(std::string_view symbol, size_t most) {
  std::optional<std::string> name;
  if (symbol.starts_with("_R")) name = demangle_rust_v0(symbol, most);
  if (symbol.starts_with("_ZN")) name = demangle_rust_legacy(symbol);
  return name && name->size() <= most ? name : std::nullopt;
}

}  // namespace holdwatch
