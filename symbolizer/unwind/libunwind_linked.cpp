// libunwind as linked by the loader. See libunwind.h.
#include "symbolizer/unwind/libunwind.h"

namespace holdwatch {

const Libunwind& libunwind() {
#define HOLDWATCH_ADDRESS(name) &UNW_OBJ(name),
  static constexpr Libunwind kFunctions = {HOLDWATCH_LIBUNWIND_FUNCTIONS(HOLDWATCH_ADDRESS)};
#undef HOLDWATCH_ADDRESS
  return kFunctions;
}

}  // namespace holdwatch
