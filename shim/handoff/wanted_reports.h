// Episodes that are to be reported again at a certain age, because until then a rule of SUPPRESS leaves them out.
// The reporter asks, the watcher takes: one thread each. A request for which there is no room is dropped; then the
// episode is reported at its next doubling, if at all.
#pragma once

#include <cstdint>

namespace holdwatch {

void want_report_at(uint64_t episode, uint64_t age_ns);

// Whether there was a request; then sets *age_ns.
bool take_wanted_report(uint64_t episode, uint64_t* age_ns);

}  // namespace holdwatch
