// See clean_pages.h.
//
// Only segments that may not be written are given back: no relocation was applied there, so that nothing is lost. Only
// those of libraries that nobody else had loaded: others' code is in use. And only of the first library of each name
// that follows the symbolizer in the loader's list: what the program loads later, even another copy of the same library,
// comes after it, and may be unmapped again, whereas these stay (the symbolizer is linked with nodelete).
#include "shim/watch/clean_pages.h"

#include <dlfcn.h>
#include <link.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "shim/base/libc_functions.h"
#include "shim/base/os.h"

namespace holdwatch {
namespace {

constexpr uintptr_t kPage = 4096;

// The symbolizer and all that it may bring with it.
constexpr std::string_view kLibraries[] = {"libholdwatch-symbolizer",
                                           "libunwind-x86_64",
                                           "libunwind",
                                           "libdw",
                                           "libelf",
                                           "liblzma",
                                           "libz",
                                           "libbz2",
                                           "libstdc++",
                                           "libgcc_s",
                                           "libm"};
constexpr size_t kMaxSegments = 4 * std::size(kLibraries);

struct Segment {
  uintptr_t start;
  size_t size;
};
Segment g_segments[kMaxSegments];
size_t g_segment_count = 0;

struct Walk {
  uintptr_t first_base;  // the symbolizer's
  bool reached;
  bool seen[std::size(kLibraries)];
};

// Whether the file at `path` is one of ours, by its name up to ".so", and the first of that name.
bool is_first_of_ours(const char* path, Walk& walk) {
  std::string_view name(path == nullptr ? "" : path);
  name.remove_prefix(name.rfind('/') + 1);  // npos + 1 is 0
  name.remove_suffix(name.size() - std::min(name.find(".so"), name.size()));
  const auto* found = std::find(std::begin(kLibraries), std::end(kLibraries), name);
  if (found == std::end(kLibraries)) return false;
  bool& seen = walk.seen[found - kLibraries];
  const bool first = !seen;
  seen = true;
  return first;
}

void note_segments(const dl_phdr_info& library) {
  for (size_t i = 0; i < library.dlpi_phnum && g_segment_count < kMaxSegments; ++i) {
    const ElfW(Phdr)& header = library.dlpi_phdr[i];
    if (header.p_type != PT_LOAD || (header.p_flags & PF_W) != 0) continue;
    const uintptr_t start = (library.dlpi_addr + header.p_vaddr) & ~(kPage - 1);
    const uintptr_t end = (library.dlpi_addr + header.p_vaddr + header.p_filesz + kPage - 1) & ~(kPage - 1);
    g_segments[g_segment_count++] = {start, end - start};
  }
}

int visit(dl_phdr_info* library, size_t, void* argument) {
  Walk& walk = *static_cast<Walk*>(argument);
  walk.reached = walk.reached || library->dlpi_addr == walk.first_base;
  if (walk.reached && is_first_of_ours(library->dlpi_name, walk)) note_segments(*library);
  return 0;
}

}  // namespace

void note_clean_pages(void* handle) {
  link_map* map = nullptr;
  if (libc().dlinfo(handle, RTLD_DI_LINKMAP, &map) != 0 || map == nullptr) return;
  g_segment_count = 0;
  Walk walk{map->l_addr, false, {}};
  libc().dl_iterate_phdr(visit, &walk);
}

void give_back_clean_pages() {
  for (size_t i = 0; i < g_segment_count; ++i)
    release_pages(reinterpret_cast<void*>(g_segments[i].start), g_segments[i].size);
}

}  // namespace holdwatch
