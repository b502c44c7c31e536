// See thread_record.h.
#include "shim/record/thread_record.h"

#include <algorithm>

namespace holdwatch {

const HeldSlot* ThreadRecord::slot(size_t index) const {
  if (index < kInlineSlots) return &slots_[index];
  const OverflowSlots* chunk = overflow.load(std::memory_order_acquire);
  const size_t beyond = index - kInlineSlots;
  return chunk == nullptr || index >= kHeldSlots ? nullptr
                                                 : &chunk->blocks[beyond / kBlockSlots].slots[beyond % kBlockSlots];
}

uint32_t ThreadRecord::index_of_slot(const HeldSlot& slot) const {
  const auto address = reinterpret_cast<uintptr_t>(&slot);
  const auto block = address - address % kBlockSize;
  const auto position = static_cast<uint32_t>(address % kBlockSize / kCacheLine - 1);
  if (block == reinterpret_cast<uintptr_t>(this)) return position;
  const auto chunk = reinterpret_cast<uintptr_t>(overflow.load(std::memory_order_relaxed));
  return static_cast<uint32_t>(kInlineSlots + (block - chunk) / kBlockSize * kBlockSlots) + position;
}

uint32_t ThreadRecord::used_limit() const {
  // The slot at the top may be in use for a moment: see take_slot_slow.
  const HeldSlot* top_slot = top_.load(std::memory_order_acquire);
  return std::min(index_of_slot(*top_slot) + 1, static_cast<uint32_t>(slot_limit()));
}

const HeldSlot* ThreadRecord::waiting() const {
  for (uint32_t index = used_limit(); index-- > 0;) {
    const HeldSlot* newest = slot(index);
    if (LockWord(newest->word.load(std::memory_order_acquire)).waiting()) return newest;
  }
  return nullptr;
}

const HeldSlot* ThreadRecord::level_left(const HeldSlot& first) const {
  const LockWord lock(first.word.load(std::memory_order_acquire));
  for (uint32_t index = 0, limit = used_limit(); index < limit; ++index) {
    const HeldSlot& other = *slot(index);
    const LockWord word(other.word.load(std::memory_order_acquire));
    if (&other != &first && word.is_hold() && word.is_same_lock(lock) && !other.is_released()) return &other;
  }
  return nullptr;
}

const unsigned char* ThreadRecord::stack_copy(size_t index, size_t* size) const {
  const StackCopies* memory = copies.load(std::memory_order_acquire);
  if (memory == nullptr || index >= kInlineSlots) return nullptr;
  *size = memory->sizes[index].load(std::memory_order_acquire);
  return memory->bytes[index];
}

bool ThreadRecord::holds_nothing() const {
  for (size_t index = 0; index < slot_limit(); ++index)
    if (word_of(*slot(index)).is_hold()) return false;
  return true;
}

// Inline assembly (Intel's manual, volume 2, CMPXCHG16B), because compilers would call a library for 16 bytes.
bool ThreadRecord::drop_use(size_t index, LockWord word, uint64_t number) {
  static_assert(offsetof(HeldSlot, word) == 0 && offsetof(HeldSlot, number) == sizeof(uint64_t));
  auto& both = reinterpret_cast<unsigned char(&)[2 * sizeof(uint64_t)]>(*writable_slot(index));
  uint64_t low = word.bits(), high = number;
  bool done = false;
  __asm__ volatile("lock cmpxchg16b %1"
                   : "=@ccz"(done), "+m"(both), "+a"(low), "+d"(high)
                   : "b"(LockWord::hole().bits()), "c"(number)
                   : "memory");
  return done;
}

}  // namespace holdwatch
