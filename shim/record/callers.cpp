// See callers.h.
#include "shim/record/callers.h"

#include <algorithm>

namespace holdwatch {
namespace {

constexpr uint64_t kAddressMask = (uint64_t{1} << 48) - 1;
constexpr uintptr_t kStackAlignment = 16;
// Fewer links can be chance: code without frame pointers keeps pointers to its own variables in rbp, too.
constexpr uint32_t kFewestLinks = 2;

uintptr_t load(uintptr_t address) {
  return *reinterpret_cast<const uintptr_t*>(address);
}

// Follows rbp as long as it looks like a frame pointer: above sp, below the end of the stack, aligned, growing. What slips
// through is checked by the reader.
uint32_t walk_frame_pointers(HeldSlot& slot, const Caller& caller, uintptr_t stack_end) {
  uintptr_t frame = caller.bp;
  uintptr_t lowest = caller.sp;
  uint32_t count = 0;
  while (count < kPackedSites) {
    if (frame < lowest || frame >= stack_end || stack_end - frame < 2 * sizeof(uintptr_t)) break;
    if (frame % kStackAlignment != 0) break;
    const uintptr_t return_address = load(frame + sizeof(uintptr_t));
    const uintptr_t site_sp = frame + 2 * sizeof(uintptr_t);
    const uintptr_t distance = (site_sp - caller.sp) / sizeof(uintptr_t);
    if (distance > UINT16_MAX || return_address == 0 || (return_address & ~kAddressMask) != 0) break;
    slot.sites[count++].store(return_address | (distance << 48), std::memory_order_release);
    lowest = site_sp;
    frame = load(frame);
  }
  return count;
}

constexpr uintptr_t word_offset(uint32_t index) {
  return sizeof(uintptr_t) + index * kStackAlignment;
}

uint32_t copy_words(HeldSlot& slot, const Caller& caller, uintptr_t stack_end) {
  const uintptr_t room = (stack_end - caller.sp) / kStackAlignment;
  const uint32_t count = static_cast<uint32_t>(std::min<uintptr_t>(room, kNotedWords));
  for (uint32_t i = 0; i < count; ++i) slot.sites[i].store(load(caller.sp + word_offset(i)), std::memory_order_release);
  slot.sites[kNotedWords].store(caller.bp, std::memory_order_release);
  return count;
}

// A word that cannot be a return address says nothing when it changes.
bool may_be_return_address(uintptr_t word, uintptr_t sp, uintptr_t stack_end) {
  constexpr uintptr_t kLowestCode = 0x10000;  // vm.mmap_min_addr
  return word >= kLowestCode && word <= kAddressMask && !(word >= sp && word < stack_end);
}

}  // namespace

uint32_t note_callers(HeldSlot& slot, const Caller& caller, uintptr_t stack_end) {
  const uint32_t links = walk_frame_pointers(slot, caller, stack_end);
  if (links >= kFewestLinks) return links;
  return copy_words(slot, caller, stack_end) << kWordsShift;
}

bool callers_have_changed(const HeldSlot& slot, uintptr_t stack_end) {
  const uint32_t callers = slot.callers.load(std::memory_order_relaxed);
  const uintptr_t sp = slot.sp.load(std::memory_order_relaxed);
  for (uint32_t i = 0; i < (callers & kSitesMask); ++i) {
    const uint64_t site = slot.sites[i].load(std::memory_order_relaxed);
    const uintptr_t return_address_at = sp + (site >> 48) * sizeof(uintptr_t) - sizeof(uintptr_t);
    if (load(return_address_at) != (site & kAddressMask)) return true;
  }
  for (uint32_t i = 0; i < (callers >> kWordsShift & kSitesMask); ++i) {
    const uint64_t word = slot.sites[i].load(std::memory_order_relaxed);
    if (may_be_return_address(word, sp, stack_end) && load(sp + word_offset(i)) != word) return true;
  }
  return false;
}

}  // namespace holdwatch
