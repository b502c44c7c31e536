// See module_of.h.
#include "shim/fallback/module_of.h"

#include <elf.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/auxv.h>
#include <unistd.h>

#include <cstring>
#include <string_view>

#include "shim/base/clock.h"
#include "shim/base/unloads.h"
#include "shim/common/elf/headers.h"
#include "shim/common/elf/notes.h"
#include "shim/common/kernel/system_call.h"
#include "shim/common/proc/maps_line.h"
#include "shim/common/text/digits.h"
#include "shim/inspection/capture.h"
#include "shim/own_threads/seccomp_state.h"

namespace holdwatch {
namespace {

struct ModuleMapping {
  uintptr_t start = 0, end = 0;  // of the part that contains the address
  uintptr_t first = 0;           // lowest address of the same file
  char path[PATH_MAX] = "";
};

// Hands the file's lines one by one to `visit` until that returns true. A line longer than the buffer is cut.
template <typename Visit>
void for_each_line(const char* path, Visit visit) {
  if (calls_filtered()) return;
  const long file = system_call(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return;
  MapsLines<PATH_MAX + kMapsLineWithoutPath> lines;
  char block[4096];
  bool done = false;
  for (long got; !done && (got = system_call(SYS_read, file, block, sizeof block)) > 0;)
    done = lines.take({block, static_cast<size_t>(got)}, visit);
  system_call(SYS_close, file);
}

// Without substr's check, which would need libstdc++ to throw.
std::string_view from(std::string_view text, size_t begin) {
  return {text.data() + begin, text.size() - begin};
}

// The calling thread's file: the process's is that of its main thread, which is empty once that has left by pthread_exit.
bool find_mapping(uintptr_t address, ModuleMapping* out) {
  bool found = false;
  for_each_line("/proc/thread-self/maps", [&](std::string_view text) {
    MapsLine line;
    if (!parse_maps_line(text, &line)) return false;
    const std::string_view path = line.path.starts_with('/') ? line.path : std::string_view();
    if (path != std::string_view(out->path)) {
      out->first = line.range.start;
      TextBuffer(out->path, sizeof out->path) << path;
    }
    if (!line.range.contains(address)) return false;
    out->start = line.range.start;
    out->end = line.range.end;
    found = !path.empty();
    return true;
  });
  return found;
}

// As a source (elf/headers.h).
struct LocalMemory {
  static size_t read(uintptr_t address, void* out, size_t size) { return read_local_memory(address, out, size); }
};

// Appends the build id that is among these notes; false if there is none.
bool append_build_id(const Elf64_Phdr& segment, uintptr_t bias, TextBuffer& out) {
  constexpr size_t kLongestId = 64;
  char notes[2048];  // a damaged header may announce a GiB of them
  const size_t size = segment.p_memsz < sizeof notes ? segment.p_memsz : sizeof notes;
  const size_t length = read_local_memory(bias + segment.p_vaddr, notes, size);
  const std::string_view id = find_build_id({notes, length}, segment.p_align);
  if (id.empty() || id.size() > kLongestId) return false;
  out << " (build id ";
  put_hex(id, [&out](char digit) { out << digit; });
  out << ')';
  return true;
}

// The program's own file cannot be unloaded.
bool is_in_program(uintptr_t address) {
  ModuleMapping own, its;
  return find_mapping(getauxval(AT_PHDR), &own) && find_mapping(address, &its) && own.first == its.first;
}

}  // namespace

void append_module_then(uintptr_t address, uint64_t since_ns, TextBuffer& out) {
  if (unloaded_between(since_ns, monotonic_ns()) && !is_in_program(address))
    out << Hex{address};
  else
    append_module_of(address, out);
}

void append_module_of(uintptr_t address, TextBuffer& out) {
  ModuleMapping mapping;
  Elf64_Ehdr header;
  if (!find_mapping(address, &mapping) || read_elf_header(LocalMemory{}, mapping.first, &header) != ElfKind::ours) {
    out << Hex{address};
    return;
  }
  uintptr_t bias = mapping.first;
  visit_segments(LocalMemory{}, mapping.first, header, [&](const Elf64_Phdr& segment) {
    if (segment.p_type != PT_LOAD) return false;
    bias = mapping.first - (segment.p_vaddr & ~uintptr_t{4095});
    return true;
  });
  const std::string_view path(mapping.path);
  out << from(path, path.rfind('/') + 1) << '+' << Hex{address - bias};
  // Which of a file's note segments has the build id depends on the linker.
  visit_segments(LocalMemory{}, mapping.first, header, [&](const Elf64_Phdr& segment) {
    return segment.p_type == PT_NOTE && append_build_id(segment, bias, out);
  });
}

}  // namespace holdwatch
