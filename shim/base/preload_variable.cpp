// See preload_variable.h.
#include "shim/base/preload_variable.h"

#include <cstring>
#include <string_view>

namespace holdwatch {
namespace {

constexpr std::string_view kPrefix = "LD_PRELOAD=";
constexpr std::string_view kSeparators = " :";  // ld.so(8)

// Without substr, whose check would need libstdc++ to throw.
std::string_view file_name(std::string_view path) {
  const size_t begin = path.rfind('/') + 1;
  return {path.data() + begin, path.size() - begin};
}

// Copies every entry but ours to the front of the value.
void drop_entry(char* value, std::string_view own_name) {
  const std::string_view text(value);
  size_t kept = 0;
  for (size_t begin = 0; begin < text.size();) {
    const size_t found = text.find_first_of(kSeparators, begin);
    const size_t end = found == std::string_view::npos ? text.size() : found;
    const std::string_view entry(text.data() + begin, end - begin);
    if (!entry.empty() && file_name(entry) != own_name) {
      if (kept > 0) value[kept++] = ':';
      memmove(value + kept, entry.data(), entry.size());
      kept += entry.size();
    }
    begin = end + 1;
  }
  value[kept] = '\0';
}

}  // namespace

void leave_preload_variable(char** environment, const char* own_path) {
  char** write = environment;
  for (char** read = environment; *read != nullptr; ++read) {
    if (std::string_view(*read).starts_with(kPrefix)) {
      drop_entry(*read + kPrefix.size(), file_name(own_path));
      if ((*read)[kPrefix.size()] == '\0') continue;  // nothing left: as if it had never been set
    }
    *write++ = *read;
  }
  *write = nullptr;
}

}  // namespace holdwatch
