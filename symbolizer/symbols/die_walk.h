// Goes through debugging information entries in tree order.
// Cold context only. The data may be damaged: depth, number and time are bounded.
#pragma once

#include <elfutils/libdw.h>

#include <cstddef>
#include <vector>

#include "symbolizer/symbols/deadline.h"

namespace holdwatch {

enum class NextDie { enter, pass, stop };

// Visits the entries below `root`, without recursion. `visit` returns what to do next.
template <typename Visit>
void walk_dies(Dwarf_Die root, Deadline& deadline, Visit visit) {
  constexpr size_t kMaxNesting = 64;
  constexpr size_t kMaxEntries = size_t{1} << 22;
  std::vector<Dwarf_Die> path(1);
  if (dwarf_child(&root, &path[0]) != 0) return;
  for (size_t entries = 0; !path.empty() && entries < kMaxEntries && !deadline.has_passed(); ++entries) {
    Dwarf_Die entry = path.back();
    if (dwarf_siblingof(&entry, &path.back()) != 0) path.pop_back();
    const NextDie next = visit(entry);
    if (next == NextDie::stop) return;
    Dwarf_Die child;
    const bool enter = next == NextDie::enter && path.size() < kMaxNesting;
    if (enter && dwarf_child(&entry, &child) == 0) path.push_back(child);
  }
}

}  // namespace holdwatch
