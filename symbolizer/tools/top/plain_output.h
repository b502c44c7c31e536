// holdwatch top where there is no terminal, or a simple one: a block of lines for each list.
#pragma once

#include <cstdint>

#include "symbolizer/tools/top/present.h"

namespace holdwatch::top {

// Prints the list.
void print_present(Present& present, bool is_colored);

// Until `count` lists are printed, 0: without end. Throws Refusal if there is no list any more. Returns when nobody reads them
// any more.
void print_lists(Present& present, uint64_t count, bool is_colored);

}  // namespace holdwatch::top
