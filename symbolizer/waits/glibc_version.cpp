// See glibc_version.h.
#include "symbolizer/waits/glibc_version.h"

#include <algorithm>
#include <string>
#include <string_view>

#include "shim/common/elf/dynamic_table.h"
#include "shim/common/glibc/version_names.h"

namespace holdwatch {

bool is_glibc(const Module& module) {
  const std::string_view path = module.path;
  const std::string_view name = path.substr(path.rfind('/') + 1);
  return name.starts_with("libc.so.") || name.starts_with("libc-2.");
}

const Module* glibc_of(const Modules& modules) {
  const auto glibc =
      std::find_if(modules.all().begin(), modules.all().end(), [](const auto& module) { return is_glibc(*module); });
  return glibc == modules.all().end() ? nullptr : &**glibc;
}

unsigned glibc_minor_of(const Modules& modules, MemoryReader& memory) {
  constexpr size_t kMaxNames = size_t{1} << 20;
  const Module* libc = glibc_of(modules);
  if (libc == nullptr) return 0;
  const DynamicTable table = find_dynamic_table(memory, libc->start, libc->bias);
  std::string names(std::min(table.strings_size, kMaxNames), '\0');
  names.resize(memory.read_constant(table.strings, names.data(), names.size()));
  return highest_glibc_minor(names);
}

}  // namespace holdwatch
