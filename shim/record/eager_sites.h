// The call sites whose acquisitions need a stack copy: the acquiring function returns before the lock is given up, so
// that nothing of it is left to be found later. Learnt from reports (STACKS=auto).
// is_eager_site: hot context, one load. add_eager_site: cold context.
#pragma once

#include <cstdint>

namespace holdwatch {

// May say yes to a site that was never added (two sites can share a bit): such a site merely costs a copy.
bool is_eager_site(uintptr_t pc);
void add_eager_site(uintptr_t pc);

}  // namespace holdwatch
