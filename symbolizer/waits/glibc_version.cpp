// See glibc_version.h.
#include "symbolizer/waits/glibc_version.h"

#include <algorithm>
#include <string>

#include "shim/common/elf/dynamic_table.h"
#include "shim/common/glibc/version_names.h"

namespace holdwatch {

unsigned glibc_minor_of(const Modules& modules, MemoryReader& memory) {
  constexpr size_t kMaxNames = size_t{1} << 20;
  const auto is_libc = [](const auto& module) { return module->path.ends_with("/libc.so.6"); };
  const auto libc = std::find_if(modules.all().begin(), modules.all().end(), is_libc);
  if (libc == modules.all().end()) return 0;
  const DynamicTable table = find_dynamic_table(memory, (*libc)->start, (*libc)->bias);
  std::string names(std::min(table.strings_size, kMaxNames), '\0');
  names.resize(memory.read_constant(table.strings, names.data(), names.size()));
  return highest_glibc_minor(names);
}

}  // namespace holdwatch
