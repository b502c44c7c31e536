// See stack_copy.h.
#include "symbolizer/tools/inspect/stack_copy.h"

#include <algorithm>

namespace holdwatch {
namespace {

constexpr size_t kMaxCopied = size_t{256} << 10;  // most threads use less than 8 KiB

}  // namespace

void copy_stack(MemoryReader& memory, const Modules& modules, Capture& out) {
  const uintptr_t sp = out.snapshot.registers.sp;
  const Mapping* mapping = modules.mapping(sp);
  // If it was mapped since we read the maps, its end is found by reading.
  const size_t size = mapping == nullptr ? kMaxCopied : std::min<size_t>(mapping->end - sp, kMaxCopied);
  out.snapshot.stack_end = mapping == nullptr ? 0 : mapping->end;
  out.stack.resize(size);
  out.stack.resize(memory.read(sp, out.stack.data(), size));
  out.snapshot.copy = out.stack.data();
  out.snapshot.copy_address = sp;
  out.snapshot.copy_size = out.stack.size();
}

}  // namespace holdwatch
