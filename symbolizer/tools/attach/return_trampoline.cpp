// See return_trampoline.h. The frame of rt_sigreturn is in arch/x86/include/asm/sigframe.h, what it checks of the
// vector registers in arch/x86/kernel/fpu/signal.c.
#include "symbolizer/tools/attach/return_trampoline.h"

#include <cpuid.h>
#include <ucontext.h>

#include <algorithm>
#include <csignal>
#include <cstddef>
#include <cstring>

namespace holdwatch::attach {
namespace {

constexpr size_t kWord = sizeof(uint64_t);
// The kernel's struct ends with a mask of 64 signals, while libc's continues.
constexpr size_t kContextSize = offsetof(ucontext_t, uc_sigmask) + sizeof(uint64_t);
constexpr unsigned long kExtendedVectors = 1, kSegmentIsThere = 2, kSegmentIsMeant = 4;  // asm/ucontext.h
constexpr int kNoSignalStack = 0x40;  // flags that sigaltstack(2) refuses, so that the thread's stays as it is

constexpr size_t kSoftwareBytes = 464;  // of the area, where the kernel notes what else it contains (asm/sigcontext.h)
constexpr size_t kHeader = 512;         // its first word shows which components are not in their initial state
constexpr size_t kSmallest = kHeader + 64;
constexpr uint64_t kTileData = uint64_t{1} << 18;
constexpr unsigned kComponents = 63;

template <typename T>
T value_at(const std::vector<unsigned char>& bytes, size_t offset) {
  T value{};
  memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

// The size that the given components take in the non-compacted format.
size_t size_of_components(uint64_t components) {
  size_t size = kSmallest;
  for (unsigned i = 2; i < kComponents; ++i) {
    unsigned length = 0, offset = 0, unused = 0, flags = 0;
    if ((components >> i & 1) != 0 && __get_cpuid_count(0xd, i, &length, &offset, &flags, &unused) != 0)
      size = std::max<size_t>(size, offset + length);
  }
  return size;
}

// Vector registers as the kernel itself stores them on the stack of a signal handler.
std::vector<unsigned char> vectors_for_frame(std::vector<unsigned char> vectors) {
  if (vectors.size() < kSmallest) return {};
  const auto used = value_at<uint64_t>(vectors, kHeader);
  uint64_t components = value_at<uint64_t>(vectors, kSoftwareBytes) | used;
  // Tiles are only in the frames of threads that have requested them; a thread that has not used them need not be
  // distinguished from one that may not.
  if ((used & kTileData) == 0) components &= ~kTileData;
  const size_t size = std::min(size_of_components(components), vectors.size());
  vectors.resize(size);
  _fpx_sw_bytes note{};
  note.magic1 = FP_XSTATE_MAGIC1;
  note.extended_size = static_cast<uint32_t>(size + FP_XSTATE_MAGIC2_SIZE);
  note.xstate_bv = components;
  note.xstate_size = static_cast<uint32_t>(size);
  memcpy(vectors.data() + kSoftwareBytes, &note, sizeof note);
  const uint32_t end_mark = FP_XSTATE_MAGIC2;
  const auto* mark = reinterpret_cast<const unsigned char*>(&end_mark);
  vectors.insert(vectors.end(), mark, mark + sizeof end_mark);
  return vectors;
}

ucontext_t context_of(const user_regs_struct& from, uint64_t signal_mask, uintptr_t vectors) {
  ucontext_t context{};
  const struct {
    int place;
    unsigned long long value;
  } kRegisters[] = {
      {REG_R8, from.r8},
      {REG_R9, from.r9},
      {REG_R10, from.r10},
      {REG_R11, from.r11},
      {REG_R12, from.r12},
      {REG_R13, from.r13},
      {REG_R14, from.r14},
      {REG_R15, from.r15},
      {REG_RDI, from.rdi},
      {REG_RSI, from.rsi},
      {REG_RBP, from.rbp},
      {REG_RBX, from.rbx},
      {REG_RDX, from.rdx},
      {REG_RAX, from.rax},
      {REG_RCX, from.rcx},
      {REG_RSP, from.rsp},
      {REG_EFL, from.eflags},
      {REG_RIP, from.rip},
      {REG_CSGSFS, from.cs | from.ss << 48},
  };
  for (const auto& known : kRegisters) context.uc_mcontext.gregs[known.place] = static_cast<greg_t>(known.value);
  context.uc_flags = kSegmentIsThere | kSegmentIsMeant | (vectors != 0 ? kExtendedVectors : 0);
  context.uc_stack.ss_flags = kNoSignalStack;
  context.uc_mcontext.fpregs = reinterpret_cast<fpregset_t>(vectors);  // NOLINT(performance-no-int-to-ptr)
  memcpy(&context.uc_sigmask, &signal_mask, sizeof signal_mask);
  return context;
}

// Fills a stack downwards from its upper end.
class Layer {
 public:
  // `past`: how far above a multiple of 16 contexts are put.
  Layer(uintptr_t top, size_t past) : at_(top), past_(past) {}

  // Below everything put so far, at a multiple of `alignment` plus `offset`.
  uintptr_t put(const void* data, size_t size, size_t alignment = kWord, size_t offset = 0) {
    const uintptr_t address = (at_ - size - offset) / alignment * alignment + offset;
    bytes_.insert(bytes_.begin(), at_ - address, 0);
    memcpy(bytes_.data(), data, size);
    return at_ = address;
  }
  uintptr_t put_word(uint64_t word) { return put(&word, sizeof word); }
  uintptr_t put_context(const ucontext_t& context) { return put(&context, kContextSize, 2 * kWord, past_); }

  std::vector<unsigned char> take() { return std::move(bytes_); }

 private:
  uintptr_t at_;
  size_t past_;
  std::vector<unsigned char> bytes_;
};

// Below the place where the result is kept, for raise's own stack.
constexpr size_t kRaiseWords = 64;

// Leads a function's return through raise(end_signal).
void put_raise(Layer& layer, const LibcCode& code, int end_signal) {
  layer.put_word(code.raise);
  layer.put_word(static_cast<uint64_t>(end_signal));
  layer.put_word(code.load_argument);
  for (size_t i = 0; i < kRaiseWords; i += 2) {
    layer.put_word(0);
    layer.put_word(code.load_argument);
  }
}

// Restores errno, and then returns into the context that is already on the stack.
uintptr_t put_errno(Layer& layer, const LibcCode& code, const SavedContext& saved_context, const SavedErrno& saved) {
  const uintptr_t return_to = layer.put_word(code.restorer);
  unsigned char swapped[sizeof saved.value];
  memcpy(swapped, &saved.value, sizeof swapped);
  std::swap(swapped[0], swapped[1]);
  std::swap(swapped[2], swapped[3]);
  user_regs_struct registers = saved_context.registers;
  registers.rdi = layer.put(swapped, sizeof swapped);
  registers.rsi = saved.address;
  registers.rdx = sizeof swapped;
  registers.rip = code.swap_bytes;
  registers.rsp = return_to;
  return layer.put_context(context_of(registers, ~0ull, 0));
}

}  // namespace

ReturnTrampoline make_return_trampoline(const LibcCode& code, const SavedContext& saved_context, uintptr_t top,
                                        std::optional<SavedErrno> saved_errno, int end_signal) {
  constexpr size_t kVectorAlignment = 64;
  // A function may expect that its return address is a word below a multiple of 16.
  Layer layer(top, end_signal == 0 ? kWord : 0);
  const std::vector<unsigned char> vectors = vectors_for_frame(saved_context.vectors);
  const uintptr_t vectors_at = vectors.empty() ? 0 : layer.put(vectors.data(), vectors.size(), kVectorAlignment);
  ReturnTrampoline way;
  way.end = layer.put_context(context_of(saved_context.registers, saved_context.signal_mask, vectors_at));
  if (saved_errno) way.end = put_errno(layer, code, saved_context, *saved_errno);
  layer.put_word(code.restorer);
  if (end_signal != 0) put_raise(layer, code, end_signal);
  way.call = layer.put_word(code.keep_result);
  way.result = way.call + kWord - code.result_below;
  way.address = way.call;
  way.bytes = layer.take();
  return way;
}

}  // namespace holdwatch::attach
