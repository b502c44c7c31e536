// See redirected_entries.h.
#include "shim/attach/redirected_entries.h"

#include <sys/mman.h>
#include <sys/syscall.h>

#include <atomic>

#include "shim/base/os.h"
#include "shim/common/kernel/system_call.h"

namespace holdwatch {
namespace {

constexpr size_t kMaxSlots = size_t{1} << 17;  // 5 MiB of address space; a process of 2,000 modules has some 40,000

Slot* g_slots = nullptr;
size_t g_count = 0;
bool g_may_be_known = false;

long protect_page(void* page, int protection) {
  return system_call(SYS_mprotect, page, kPageSize, protection);
}

// The program's own threads only read the slot: a page that is writable for a moment makes no difference to them.
bool exchange(const Slot& slot, uintptr_t from, uintptr_t to) {
  void* page = reinterpret_cast<void*>(slot.address & ~(kPageSize - 1));
  if (slot.is_protected && protect_page(page, PROT_READ | PROT_WRITE) != 0) return false;
  auto* word = reinterpret_cast<uintptr_t*>(slot.address);
  const bool done = __atomic_compare_exchange_n(word, &from, to, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
  if (slot.is_protected) protect_page(page, PROT_READ);
  return done;
}

// The entry for a slot: the list must not fill up if a module is loaded and unloaded over and over again.
Slot* place_for(uintptr_t address) {
  for (size_t i = 0; g_may_be_known && i < g_count; ++i)
    if (g_slots[i].address == address) return &g_slots[i];
  return g_count < kMaxSlots ? &g_slots[g_count] : nullptr;
}

}  // namespace

bool note_and_redirect(const Slot& slot) {
  if (g_slots == nullptr) g_slots = static_cast<Slot*>(reserve_memory(kMaxSlots * sizeof(Slot)));
  Slot* place = g_slots == nullptr ? nullptr : place_for(slot.address);
  if (place == nullptr || !exchange(slot, slot.found, slot.ours)) return false;
  *place = slot;
  if (place == g_slots + g_count) ++g_count;
  return true;
}

void expect_known_slots() {
  g_may_be_known = true;
}

// If the loader would have bound the slot at the first call, the function's address works as well and saves that work.
void restore_redirected(uintptr_t start, uintptr_t end) {
  for (size_t i = 0; i < g_count; ++i) {
    const Slot& slot = g_slots[i];
    if (slot.address >= start && slot.address < end) exchange(slot, slot.ours, slot.real);
  }
}

void forget_slots() {
  g_count = 0;
  g_may_be_known = false;
}

}  // namespace holdwatch
