// What binutils says about a file: the yardstick of the symbol tests.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace holdwatch {

struct Addr2lineFrame {
  std::string function;  // demangled
  std::string file;      // absolute, without "." and ".."
  int line = 0;
};

// The frames of each address, innermost first, by `addr2line -f -i -C`.
std::map<uintptr_t, std::vector<Addr2lineFrame>> addr2line(const std::string& path,
                                                           const std::vector<uintptr_t>& addresses);

// Every `step`th address of a section, by readelf.
std::vector<uintptr_t> addresses_in_section(const std::string& path, const std::string& section, uintptr_t step);
std::vector<uintptr_t> addresses_in_text(const std::string& path, uintptr_t step);

// Where the function begins whose demangled name begins with `name`, by nm. Fails the test if there is none.
uintptr_t address_of_function(const std::string& path, const std::string& name);

struct SizedSymbol {
  uintptr_t address, size;
  std::string name;  // mangled
};

// The symbols that have a size, of the dynamic table alone if `dynamic`.
std::vector<SizedSymbol> sized_symbols(const std::string& path, bool dynamic);

}  // namespace holdwatch
