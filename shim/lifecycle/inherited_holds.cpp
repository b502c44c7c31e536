// See inherited_holds.h.
#include "shim/lifecycle/inherited_holds.h"

#include "shim/inspection/ownership.h"
#include "shim/record/view_walk.h"

namespace holdwatch {

void drop_holds_of_parent(OwnerRecord& record) {
  constexpr size_t kMaxLooks = 64;
  uintptr_t shared[kMaxLooks];
  size_t count = 0, looks = 0;
  for_each_used_slot(record, [&](uint32_t, const HeldSlot&, LockWord word) {
    if (word.is_hold() && looks++ < kMaxLooks && is_process_shared(word)) shared[count++] = word.address();
  });
  for (size_t i = 0; i < count; ++i)
    while (HeldSlot* slot = record.find(shared[i])) record.drop(*slot);
}

}  // namespace holdwatch
