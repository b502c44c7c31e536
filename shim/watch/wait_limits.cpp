// See wait_limits.h.
#include "shim/watch/wait_limits.h"

#include <algorithm>

#include "shim/inspection/earlier_readers.h"
#include "shim/inspection/inferred_holds.h"

namespace holdwatch {

// The readers are asked about last: that costs a file of /proc.
uint64_t limit_of_wait_ns(const WaitView& wait, const Timing& timing) {
  const uint64_t usual_ns = timing.limits().of_waits_ns();
  const LockWord read(reinterpret_cast<const void*>(wait.word.address()), wait.word.kind(), Access::shared);
  const uint64_t read_ns = timing.limits().of(read);
  if (usual_ns == kNoLimit || read_ns == kNoLimit || read_ns >= usual_ns) return usual_ns;
  return timing.is_over_limit(wait, read_ns) && is_kept_by_earlier_readers(wait) ? read_ns : usual_ns;
}

uint64_t smallest_limit_of_waits_ns(const Timing& timing) {
  const uint64_t usual_ns = timing.limits().of_waits_ns();
  if (usual_ns == kNoLimit || !has_inferred()) return usual_ns;
  return std::min(usual_ns, timing.limits().smallest_of_holds_ns(Access::shared));
}

}  // namespace holdwatch
