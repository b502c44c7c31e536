// See terminal.h. For builds without ncurses: lines of text are printed instead.
#include "symbolizer/tools/top/terminal.h"

namespace holdwatch::top {

std::unique_ptr<Terminal> Terminal::open(bool) {
  return nullptr;
}

}  // namespace holdwatch::top
