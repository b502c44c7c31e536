// Episodes that are to be reported again at a certain age, because until then a rule of SUPPRESS leaves them out.
// And from which age on condition waits are to be reported at all.
// The reporter asks, the watcher takes: one thread each. If there is no room, the request for the oldest episode
// is dropped, which may have ended long ago; else it is reported at its next doubling, if at all.
#pragma once

#include <cstdint>

namespace holdwatch {

void want_report_at(uint64_t episode, uint64_t age_ns);

// Whether there was a request; then sets *age_ns.
bool take_wanted_report(uint64_t episode, uint64_t* age_ns);

// As an age: an episode of condition waits is not to be reported again.
inline constexpr uint64_t kNeverWanted = UINT64_MAX;

// 0: no rule asks for condition waits, and the watcher looks at none.
void want_condition_waits(uint64_t limit_ns);
uint64_t wanted_condition_waits_ns();

}  // namespace holdwatch
