// See unicode.h.
#include "symbolizer/symbols/unicode.h"

#include <array>

namespace holdwatch {

void append_utf8(std::string& out, uint32_t code) {
  const auto put = [&](uint32_t byte) { out += static_cast<char>(byte); };
  if (code < 0x80) return put(code);
  const int more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
  constexpr std::array<uint32_t, 4> kLead = {0, 0xc0, 0xe0, 0xf0};
  put(kLead[static_cast<size_t>(more)] | code >> 6 * more);
  for (int i = more - 1; i >= 0; --i) put(0x80 | (code >> 6 * i & 0x3f));
}

}  // namespace holdwatch
