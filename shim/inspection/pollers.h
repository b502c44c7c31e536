// Which threads poll locks: they try again and again, in vain, and do not sleep in the lock's queue. To others they wait all the same.
// Cold context (watcher). That a thread still polls is known only from having seen the number of its tries grow; one that has
// tried a few times and gone away is none. The state is the watcher's own.
#pragma once

#include <cstdint>

#include "shim/record/view.h"
#include "shim/timing/timing.h"

namespace holdwatch {

// Looks at all threads' tries. Costs nothing in a process where no try has ever failed.
void look_for_pollers(const Timing& timing);
// When to look again; UINT64_MAX if no thread may be polling.
uint64_t next_look_for_pollers_ns();
void forget_pollers();

// Calls `visit(view)` for each thread that polls: its run of tries as a wait, which lasts at least from its first try to the
// latest one that was seen.
template <typename Visit>
void for_each_poller(Visit visit);

// The same by index. False: that one does not poll now.
inline constexpr size_t kMaxPollers = 128;
bool view_poller(size_t index, WaitView* out);

template <typename Visit>
void for_each_poller(Visit visit) {
  WaitView view;
  for (size_t i = 0; i < kMaxPollers; ++i)
    if (view_poller(i, &view)) visit(view);
}

}  // namespace holdwatch
