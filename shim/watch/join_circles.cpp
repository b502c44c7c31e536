// See join_circles.h.
#include "shim/watch/join_circles.h"

#include <algorithm>
#include <cstdint>

namespace holdwatch {

bool JoinCircles::is_here(int tid) const {
  return std::any_of(joiners_, joiners_ + count_, [tid](const Joiner& joiner) { return joiner.tid == tid; });
}

// A thread whose joined thread joins nobody, or only such threads.
void JoinCircles::drop_those_that_lead_out() {
  for (size_t before = SIZE_MAX; count_ < before;) {
    before = count_;
    for (size_t i = 0; i < count_;) {
      if (is_here(joiners_[i].joined))
        ++i;
      else
        joiners_[i] = joiners_[--count_];
    }
  }
}

}  // namespace holdwatch
