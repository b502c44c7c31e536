// See libc_code.h.
#include "symbolizer/tools/attach/libc_code.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <vector>

#include "symbolizer/tools/attach/refusal.h"
#include "symbolizer/tools/process_state.h"

namespace holdwatch::attach {
namespace {

// __restore_rt (sysdeps/unix/sysv/linux/x86_64/libc_sigaction.c), which unwinders recognize by the same bytes:
// mov $15, %rax; syscall.
constexpr unsigned char kRestorer[] = {0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05};

// pop %rdi; ret: the end of any function that ends in pop %r15; ret.
constexpr unsigned char kLoadArgument[] = {0x5f, 0xc3};

constexpr std::array<unsigned char, 4> kBranchTarget = {0xf3, 0x0f, 0x1e, 0xfa};  // endbr64, in some builds

template <size_t kSize>
uintptr_t find_bytes(MemoryReader& memory, uintptr_t start, uintptr_t end, const unsigned char (&wanted)[kSize]) {
  constexpr size_t kPart = 256 * 1024;
  std::vector<unsigned char> part(kPart);
  // Each part begins slightly before the end of the previous one, because the bytes may extend over both.
  for (uintptr_t at = start; at < end; at += kPart - kSize) {
    const size_t got = memory.read(at, part.data(), std::min<size_t>(kPart, end - at));
    const auto stop = part.begin() + static_cast<ptrdiff_t>(got);
    const auto found = std::search(part.begin(), stop, std::begin(wanted), std::end(wanted));
    if (found != stop) return at + static_cast<uintptr_t>(found - part.begin());
  }
  return 0;
}

uintptr_t skip_branch_target(MemoryReader& memory, uintptr_t function) {
  const bool has_one = memory.read_value<std::array<unsigned char, 4>>(function) == kBranchTarget;
  return has_one ? function + kBranchTarget.size() : function;
}

// __fentry__ (sysdeps/x86_64/_mcount.S) saves the registers of the function at whose start it is called, rax at the
// lowest address:
//     endbr64 (in some builds); sub $size, %rsp; mov %rax, (%rsp)
// Then it calls the profiler, which returns at once if profiling is off.
size_t size_of_kept(MemoryReader& memory, uintptr_t function) {
  constexpr unsigned char kMakeRoom[] = {0x48, 0x83, 0xec}, kKeepResult[] = {0x48, 0x89, 0x04, 0x24};
  function = skip_branch_target(memory, function);
  const auto code = memory.read_value<std::array<unsigned char, 8>>(function);
  if (!code || !std::equal(std::begin(kMakeRoom), std::end(kMakeRoom), code->begin())) return 0;
  const size_t size = (*code)[std::size(kMakeRoom)];
  return std::equal(std::begin(kKeepResult), std::end(kKeepResult), code->begin() + 4) ? size : 0;
}

void find_in_code(MemoryReader& memory, uintptr_t start, uintptr_t end, LibcCode& code) {
  if (code.restorer == 0) code.restorer = find_bytes(memory, start, end, kRestorer);
  if (code.load_argument == 0) code.load_argument = find_bytes(memory, start, end, kLoadArgument);
}

// __errno_location: mov offset(%rip), %rax; add %fs:0, %rax; ret. 0 if it has another form.
int64_t find_errno(MemoryReader& memory, uintptr_t function) {
  constexpr unsigned char kLoad[] = {0x48, 0x8b, 0x05};
  constexpr unsigned char kAdd[] = {0x64, 0x48, 0x03, 0x04, 0x25, 0, 0, 0, 0, 0xc3};
  constexpr size_t kLoadSize = std::size(kLoad) + sizeof(int32_t);
  function = skip_branch_target(memory, function);
  const auto code = memory.read_value<std::array<unsigned char, kLoadSize + std::size(kAdd)>>(function);
  if (!code || !std::equal(std::begin(kLoad), std::end(kLoad), code->begin()) ||
      !std::equal(std::begin(kAdd), std::end(kAdd), code->begin() + kLoadSize))
    return 0;
  const auto from_next = memory.read_value<int32_t>(function + std::size(kLoad));
  if (!from_next) return 0;
  return memory.read_value<int64_t>(function + kLoadSize + static_cast<uintptr_t>(*from_next)).value_or(0);
}

}  // namespace

LibcCode find_libc_code(AttachTarget& target) {
  LibcCode code;
  if (const Module* libc = target.libc(); libc != nullptr)
    for (const auto& [start, end] : libc->executable) find_in_code(target.memory(), start, end, code);
  code.raise = code.load_argument == 0 ? 0 : target.libc_function("raise");
  code.errno_from_thread = find_errno(target.memory(), target.libc_function("__errno_location"));
  code.swap_bytes = target.libc_function("swab");
  code.keep_result = target.libc_function("__fentry__");
  code.result_below = size_of_kept(target.memory(), code.keep_result);
  if (code.restorer == 0 || code.swap_bytes == 0 || code.result_below == 0)
    throw Refusal(describe_process(target.pid()) +
                  " has an unknown build of the C library: start it with holdwatch run instead");
  if (target.libc_function("dlopen") == 0)
    throw Refusal(describe_process(target.pid()) +
                  " has a glibc older than 2.34, whose libc has no dlopen: start it with holdwatch run instead");
  return code;
}

}  // namespace holdwatch::attach
