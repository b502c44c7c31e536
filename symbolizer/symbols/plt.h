// The stubs through which a module calls functions of other modules ("send@plt"): they have no symbols of their own.
// Cold context only.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "symbolizer/symbols/elf_image.h"

namespace holdwatch {

class PltStubs {
 public:
  // Reads the module's own file; it may be closed afterwards.
  explicit PltStubs(const ElfImage& image);

  // "function@plt" if `address` is in the stub of a known function, else empty.
  std::string find(uintptr_t address) const;

 private:
  struct Stub {
    uintptr_t start, end;
    std::string function;
  };
  std::vector<Stub> stubs_;
};

}  // namespace holdwatch
