// Threads that hold nothing and seem to join one another in a circle, by the descriptors of those that they join. Whether they
// really do is proven later, and costs a look at each.
// Cold context (watcher). Pure: values in, values out, in storage of fixed size.
#pragma once

#include <cstddef>

namespace holdwatch {

class JoinCircles {
 public:
  static constexpr size_t kMax = 256;

  // Ignored if there is no room.
  void add(int tid, int joined) {
    if (count_ < kMax) joiners_[count_++] = {tid, joined};
  }
  // Calls `visit(tid)` for those that are in a circle, or lead to one.
  template <typename Visit>
  void for_each(Visit visit) {
    drop_those_that_lead_out();
    for (size_t i = 0; i < count_; ++i) visit(joiners_[i].tid);
  }

 private:
  struct Joiner {
    int tid;
    int joined;
  };

  void drop_those_that_lead_out();
  bool is_here(int tid) const;

  Joiner joiners_[kMax];
  size_t count_ = 0;
};

}  // namespace holdwatch
