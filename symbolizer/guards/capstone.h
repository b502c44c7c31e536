// The functions of Capstone that are used, as a table. Programs of their own are linked with it (capstone_linked.cpp). In a
// watched process it is loaded only for an attachment: its tables, which the loader relocates, would be more memory in every
// process, a quarter of a megabyte to more than one, and only locks from before an attachment need it (symbolizer/decoder).
// Cold context only.
#pragma once

#include <capstone/capstone.h>

#define HOLDWATCH_CAPSTONE_FUNCTIONS(FUNCTION) \
  FUNCTION(open)                               \
  FUNCTION(close)                              \
  FUNCTION(option)                             \
  FUNCTION(malloc)                             \
  FUNCTION(free)                               \
  FUNCTION(disasm_iter)                        \
  FUNCTION(regs_access)

namespace holdwatch {

struct Capstone {
#define HOLDWATCH_MEMBER(name) decltype(&cs_##name) name;
  HOLDWATCH_CAPSTONE_FUNCTIONS(HOLDWATCH_MEMBER)
#undef HOLDWATCH_MEMBER
};

// Null if it was not loaded.
const Capstone* capstone();

// In a watched process: from now on `capstone` returns this.
void give_capstone(const Capstone* functions);

}  // namespace holdwatch
