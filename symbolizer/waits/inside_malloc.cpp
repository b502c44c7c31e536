// See inside_malloc.h.
#include "symbolizer/waits/inside_malloc.h"

#include <algorithm>
#include <string_view>
#include <vector>

#include "symbolizer/waits/asleep_on.h"
#include "symbolizer/waits/glibc_version.h"

namespace holdwatch {
namespace {

constexpr size_t kMaxSearched = 64 * 1024;  // bytes of stack

constexpr std::string_view kFunctions[] = {
    "malloc",      "free",    "calloc",         "realloc",     "reallocarray", "memalign",     "aligned_alloc",
    "valloc",      "pvalloc", "posix_memalign", "malloc_trim", "malloc_stats", "mallinfo",     "mallinfo2",
    "malloc_info", "mallopt", "libc_malloc",    "libc_free",   "libc_calloc",  "libc_realloc", "libc_memalign"};

bool is_malloc(std::string_view function) {
  function.remove_prefix(std::min(function.find_first_not_of('_'), function.size()));
  function = function.substr(0, function.find('@'));
  return std::find(std::begin(kFunctions), std::end(kFunctions), function) != std::end(kFunctions);
}

// One past the stack of the outermost function of malloc's; 0 if there is none.
uintptr_t end_of_malloc(const RawStack& stack, const Modules& modules, const ResolveFrames& resolve) {
  uintptr_t end = 0;
  for (uint32_t i = 0; i < stack.count; ++i) {
    const RawFrame& frame = stack.frames[i];
    const Module* const module = modules.find(inside(frame));
    if (module == nullptr || !is_glibc(*module)) continue;
    const std::vector<Frame> names = resolve(frame.pc, frame.pc_is_exact);
    if (!names.empty() && is_malloc(names.back().function)) end = frame.cfa;
  }
  return end;
}

// A lock of malloc's is the first field of an arena (malloc/malloc.c, struct malloc_state), of which compilers also keep
// addresses of other fields.
bool has_address_in_arena(uintptr_t lock, uintptr_t begin, uintptr_t end, MemoryReader& memory) {
  constexpr size_t kArenaSize = 0x898;
  if (end <= begin || end - begin > kMaxSearched) return false;
  std::vector<uintptr_t> words((end - begin) / sizeof(uintptr_t));
  words.resize(memory.read(begin, words.data(), words.size() * sizeof(uintptr_t)) / sizeof(uintptr_t));
  return std::any_of(words.begin(), words.end(), [lock](uintptr_t word) { return word - lock < kArenaSize; });
}

}  // namespace

bool is_inside_malloc_with(uintptr_t lock, const Snapshot& thread, const RawStack& stack, const Modules& modules,
                           MemoryReader& memory, const ResolveFrames& resolve) {
  if (is_asleep_on(thread, lock)) return false;
  const uintptr_t end = end_of_malloc(stack, modules, resolve);
  return end != 0 && has_address_in_arena(lock, stack.sp, end, memory);
}

}  // namespace holdwatch
