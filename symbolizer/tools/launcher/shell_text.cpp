// See shell_text.h.
#include "symbolizer/tools/launcher/shell_text.h"

#include <cstdio>

namespace holdwatch {

void print_quoted(std::string_view text) {
  std::putchar('\'');
  for (const char character : text) {
    if (character == '\'') {
      std::fputs("'\\''", stdout);
    } else {
      std::putchar(character);
    }
  }
  std::putchar('\'');
}

}  // namespace holdwatch
