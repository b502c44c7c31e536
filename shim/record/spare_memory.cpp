// See spare_memory.h. A slab is address space only: its pages cost memory once they are touched.
#include "shim/record/spare_memory.h"

#include <atomic>
#include <cstddef>

#include "shim/base/os.h"
#include "shim/record/thread_record.h"

namespace holdwatch {
namespace {

constexpr size_t kChunksPerSlab = 64;

// A slab and how many of its chunks are taken, in one word, so that a taker never mixes two slabs: slabs are aligned to
// pages, and a page's offset bits hold the count.
struct Slab {
  std::atomic<uintptr_t> start_and_used{0};
};
constexpr uintptr_t kUsedMask = 4095;
static_assert(kChunksPerSlab <= kUsedMask);

Slab g_slabs[2];

constexpr size_t chunk_size(SpareKind kind) {
  return kind == SpareKind::overflow ? sizeof(OverflowSlots) : sizeof(StackCopies);
}

void refill(SpareKind kind) {
  Slab& slab = g_slabs[static_cast<size_t>(kind)];
  uintptr_t current = slab.start_and_used.load(std::memory_order_acquire);
  if (current != 0 && (current & kUsedMask) < kChunksPerSlab) return;
  void* memory = reserve_memory(chunk_size(kind) * kChunksPerSlab);
  if (memory != nullptr) slab.start_and_used.store(reinterpret_cast<uintptr_t>(memory), std::memory_order_release);
}

}  // namespace

void* take_spare(SpareKind kind) {
  Slab& slab = g_slabs[static_cast<size_t>(kind)];
  uintptr_t current = slab.start_and_used.load(std::memory_order_acquire);
  do {
    if (current == 0 || (current & kUsedMask) >= kChunksPerSlab) return nullptr;
  } while (!slab.start_and_used.compare_exchange_weak(current, current + 1, std::memory_order_acq_rel));
  return reinterpret_cast<void*>((current & ~kUsedMask) + (current & kUsedMask) * chunk_size(kind));
}

void refill_spares(bool with_copies) {
  refill(SpareKind::overflow);
  if (with_copies) refill(SpareKind::stack_copies);
}

}  // namespace holdwatch
