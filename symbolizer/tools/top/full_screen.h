// holdwatch top on a terminal: the table and the keys, until the user quits.
#pragma once

#include "symbolizer/tools/top/present.h"
#include "symbolizer/tools/top/terminal.h"

namespace holdwatch::top {

// Returns 0 when the user has quit, otherwise the signal by which this process has to end, after the terminal is restored. Throws
// Refusal if there is no list any more. `count`: how many lists to show, 0: no end.
int show_full_screen(Present& present, Terminal& terminal, uint64_t count);

}  // namespace holdwatch::top
