// See callers.h.
#include "shim/record/callers.h"

#include <algorithm>

namespace holdwatch {
namespace {

constexpr uint64_t kAddressMask = (uint64_t{1} << 48) - 1;
constexpr uintptr_t kStackAlignment = 16;
constexpr uintptr_t kMaxDistance = UINT16_MAX * sizeof(uintptr_t);

uintptr_t load(uintptr_t address) {
  return *reinterpret_cast<const uintptr_t*>(address);
}

// Follows rbp as long as it looks like a frame pointer: above sp, below the end of the stack, aligned, growing. The
// reader checks the result.
uint32_t walk_frame_pointers(CallerNotes& notes, const Caller& caller, uintptr_t stack_end, uint32_t most) {
  uintptr_t frame = caller.bp;
  uintptr_t lowest = caller.sp;
  if (stack_end - caller.sp < 2 * sizeof(uintptr_t)) return 0;
  const uintptr_t last = stack_end - 2 * sizeof(uintptr_t);  // the highest place for a frame
  for (uint32_t count = 0; count < most; ++count) {
    if (frame < lowest || frame > last || frame % kStackAlignment != 0) return count;
    const uintptr_t return_address = load(frame + sizeof(uintptr_t));
    const uintptr_t site_sp = frame + 2 * sizeof(uintptr_t);
    // In words, in the highest 16 bits.
    const uintptr_t distance = site_sp - caller.sp;
    if (distance > kMaxDistance || return_address - 1 >= kAddressMask) return count;
    notes.sites[count].store(return_address | distance << 45, std::memory_order_release);
    lowest = site_sp;
    frame = load(frame);
  }
  return most;
}

// Where on the stack the return address of a packed call site is.
constexpr uintptr_t return_address_at(uintptr_t sp, uint64_t site) {
  return sp + (site >> 48) * sizeof(uintptr_t) - sizeof(uintptr_t);
}

constexpr uintptr_t word_offset(size_t index) {
  return sizeof(uintptr_t) + index * kStackAlignment;
}

uint32_t copy_words(CallerNotes& notes, const Caller& caller, uintptr_t stack_end) {
  const uintptr_t room = (stack_end - caller.sp) / kStackAlignment;
  const auto count = static_cast<uint32_t>(std::min<uintptr_t>(room, kNotedWords));
  for (uint32_t i = 0; i < count; ++i)
    notes.sites[i].store(load(caller.sp + word_offset(i)), std::memory_order_release);
  return count;
}

// What a packed call site has as its return address at that place of the stack; 0: none is there.
uintptr_t noted_return_address(const HeldSlot& slot, const CallerNotes& notes, uintptr_t place) {
  const uintptr_t sp = slot.sp.load(std::memory_order_relaxed);
  for (uint32_t i = 0; i < (slot.noted() & kSitesMask); ++i) {
    const uint64_t site = notes.sites[i].load(std::memory_order_relaxed);
    if (return_address_at(sp, site) == place) return site & kAddressMask;
  }
  return 0;
}

// If a word that cannot be a return address changes, that means nothing.
bool may_be_return_address(uintptr_t word, uintptr_t sp, uintptr_t stack_end) {
  constexpr uintptr_t kLowestCode = 0x10000;  // vm.mmap_min_addr
  return word >= kLowestCode && word <= kAddressMask && !(word >= sp && word < stack_end);
}

}  // namespace

uint32_t note_callers(CallerNotes& notes, const Caller& caller, uintptr_t stack_end, uint32_t most_links) {
  const uint32_t links = walk_frame_pointers(notes, caller, stack_end, most_links);
  if (links >= kFewestLinks) return links;
  return copy_words(notes, caller, stack_end) << kWordsShift;
}

uint32_t changed_callers(const HeldSlot& slot, const CallerNotes& notes, uintptr_t lowest, uintptr_t stack_end) {
  const uint32_t noted = slot.noted();
  const uintptr_t sp = slot.sp.load(std::memory_order_relaxed);
  uint32_t changed = 0;
  for (uint32_t i = 0; i < (noted & kSitesMask); ++i) {
    const uint64_t site = notes.sites[i].load(std::memory_order_relaxed);
    const uintptr_t place = return_address_at(sp, site);
    if (place >= lowest && load(place) != (site & kAddressMask)) changed = i + 1;
  }
  for (uint32_t i = 0; i < (noted >> kWordsShift & kSitesMask); ++i) {
    const uint64_t word = notes.sites[i].load(std::memory_order_relaxed);
    const uintptr_t place = sp + word_offset(i);
    if (place >= lowest && may_be_return_address(word, sp, stack_end) && load(place) != word) changed = i + 1;
  }
  return changed;
}

bool was_noted(const HeldSlot& slot, const CallerNotes& notes, const Caller& caller) {
  const uintptr_t place = caller.sp - sizeof(uintptr_t);
  const uintptr_t return_address = noted_return_address(slot, notes, place);
  if (return_address != 0) return return_address == caller.pc;
  const uintptr_t sp = slot.sp.load(std::memory_order_relaxed);
  for (uint32_t i = 0; i < (slot.noted() >> kWordsShift & kSitesMask); ++i)
    if (sp + word_offset(i) == place) return notes.sites[i].load(std::memory_order_relaxed) == caller.pc;
  return false;
}

bool was_called_since(const HeldSlot& slot, const CallerNotes& notes, const Caller& caller, uintptr_t stack_end) {
  const uintptr_t place = caller.bp + sizeof(uintptr_t);
  if (caller.bp < caller.sp || place > stack_end - sizeof(uintptr_t) || place % sizeof(uintptr_t) != 0) return false;
  const uintptr_t return_address = noted_return_address(slot, notes, place);
  return return_address != 0 && load(place) != return_address;
}

}  // namespace holdwatch
