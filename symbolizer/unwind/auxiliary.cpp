// See auxiliary.h.
#include "symbolizer/unwind/auxiliary.h"

#include <elf.h>

#include <cstring>

namespace holdwatch {

std::optional<uint64_t> auxiliary_value(std::string_view vector, uint64_t type) {
  Elf64_auxv_t entry{};
  for (size_t at = 0; vector.size() - at >= sizeof entry; at += sizeof entry) {
    std::memcpy(&entry, vector.data() + at, sizeof entry);
    if (entry.a_type == AT_NULL) break;
    if (entry.a_type == type) return entry.a_un.a_val;
  }
  return std::nullopt;
}

std::string started_as(std::string_view vector, MemoryReader& memory) {
  const auto address = auxiliary_value(vector, AT_EXECFN);
  return address ? memory.read_string(*address) : "";
}

}  // namespace holdwatch
