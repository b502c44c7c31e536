// See stream_name.h.
//
// A stream points to its lock, not the lock to its stream. Those of libc are exported; in every other one the lock follows
// the stream within some bytes, because libc allocates both together (struct locked_FILE in libio/iofopen.c, iopopen.c,
// memstream.c and iofopncook.c).
#include "symbolizer/waits/stream_name.h"

#include <cstddef>
#include <cstdio>
#include <optional>

#include "shim/common/elf/dynamic_table.h"
#include "shim/common/glibc/stream_layout.h"
#include "symbolizer/waits/glibc_version.h"

namespace holdwatch {
namespace {

static_assert(offsetof(FILE, _flags) == 0 && offsetof(FILE, _lock) == kStreamLock &&
              offsetof(FILE, _fileno) == kStreamDescriptor);

// In the flags of a stream with a descriptor (_IO_IS_FILEBUF): not of open_memstream's, whose _fileno is 0.
constexpr uint32_t kHasDescriptor = 0x2000;

struct StandardStream {
  const char* symbol;
  const char* name;
};
constexpr StandardStream kStandard[] = {
    {"_IO_2_1_stdin_", "stdin"}, {"_IO_2_1_stdout_", "stdout"}, {"_IO_2_1_stderr_", "stderr"}};

// The descriptor of the stream at this address (negative: it has none), if it is a stream with that lock.
std::optional<int> descriptor_of(uintptr_t stream, uintptr_t lock, MemoryReader& memory) {
  const auto flags = memory.read_value<uint32_t>(stream);
  if (!flags || (*flags & kStreamMagicMask) != kStreamMagic) return std::nullopt;
  if (memory.read_value<uintptr_t>(stream + kStreamLock) != lock) return std::nullopt;
  if ((*flags & kHasDescriptor) == 0) return -1;
  return memory.read_value<int>(stream + kStreamDescriptor);
}

std::string words(int descriptor) {
  return descriptor < 0 ? "a stream without a descriptor" : "the stream of descriptor " + std::to_string(descriptor);
}

std::string standard_stream(uintptr_t lock, const Module& libc, MemoryReader& memory) {
  const ConstantMemory source{memory};
  const DynamicTable table = find_dynamic_table(source, libc.start, libc.bias);
  for (const StandardStream& standard : kStandard) {
    Elf64_Sym symbol;
    if (!find_exported_symbol(source, table, standard.symbol, &symbol)) continue;
    if (const auto descriptor = descriptor_of(libc.bias + symbol.st_value, lock, memory))
      return std::string(standard.name) + ", " + words(*descriptor);
  }
  return "";
}

}  // namespace

std::string stream_name(uintptr_t lock, const Modules& modules, MemoryReader& memory) {
  constexpr uintptr_t kStreamSize =
      sizeof(FILE) + sizeof(void*);  // struct _IO_FILE_plus has a pointer to functions too
  constexpr uintptr_t kMaxBetween = 128;
  for (uintptr_t distance = kStreamSize; distance <= kStreamSize + kMaxBetween; distance += sizeof(void*)) {
    if (const auto descriptor = descriptor_of(lock - distance, lock, memory)) return words(*descriptor);
  }
  // The watched process has two: the symbolizer's own as well.
  for (const auto& module : modules.all()) {
    if (!is_glibc(*module)) continue;
    if (std::string name = standard_stream(lock, *module, memory); !name.empty()) return name;
  }
  return "";
}

}  // namespace holdwatch
