// See clean_pages.h.
//
// Only segments that are not writable are dropped: no relocation was applied there, so that nothing is lost. That
// covers all modules in the symbolizer's namespace, which only we use and which stay loaded (the symbolizer is linked
// with nodelete), except the loader, which all namespaces share.
#include "shim/reporter/clean_pages.h"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "shim/base/libc_functions.h"
#include "shim/base/os.h"
#include "shim/common/elf/headers.h"
#include "shim/common/elf/memory_sources.h"

namespace holdwatch {
namespace {

struct Segment {
  uintptr_t start;
  size_t size;
};
constexpr size_t kMaxKept = 64;
Segment g_segments[kMaxKept];
size_t g_segment_count = 0;

bool is_loader(const link_map& module) {
  std::string_view name(module.l_name == nullptr ? "" : module.l_name);
  name.remove_prefix(name.rfind('/') + 1);  // npos + 1 is 0
  return name.starts_with("ld-linux");
}

// Where a library is loaded, its memory begins with its ELF header.
void note_segments(const link_map& module) {
  Elf64_Ehdr header;
  if (read_elf_header(LoadedMemory{}, module.l_addr, &header) != ElfKind::ours) return;
  visit_segments(LoadedMemory{}, module.l_addr, header, [&](const Elf64_Phdr& segment) {
    if (segment.p_type != PT_LOAD || (segment.p_flags & PF_W) != 0) return false;
    const uintptr_t from = module.l_addr + segment.p_vaddr;
    const uintptr_t start = from & ~(kPageSize - 1);
    const uintptr_t end = (from + segment.p_filesz + kPageSize - 1) & ~(kPageSize - 1);
    g_segments[g_segment_count++] = {start, end - start};
    return g_segment_count == kMaxKept;
  });
}

}  // namespace

void note_clean_pages(void* handle) {
  link_map* module = nullptr;
  if (libc().dlinfo(handle, RTLD_DI_LINKMAP, &module) != 0) return;
  g_segment_count = 0;
  // The symbolizer is the first in its namespace.
  for (; module != nullptr; module = module->l_next)
    if (!is_loader(*module) && g_segment_count < kMaxKept) note_segments(*module);
}

void drop_clean_pages() {
  for (size_t i = 0; i < g_segment_count; ++i)
    release_pages(reinterpret_cast<void*>(g_segments[i].start), g_segments[i].size);
}

}  // namespace holdwatch
