// Capstone as linked by the loader. See capstone.h.
#include "symbolizer/guards/capstone.h"

namespace holdwatch {

const Capstone* capstone() {
#define HOLDWATCH_ADDRESS(name) &cs_##name,
  static constexpr Capstone kFunctions = {HOLDWATCH_CAPSTONE_FUNCTIONS(HOLDWATCH_ADDRESS)};
#undef HOLDWATCH_ADDRESS
  return &kFunctions;
}

}  // namespace holdwatch
