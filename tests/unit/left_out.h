// What a unit test cannot show on this machine: said in the form of tests/abilities.py, for the summary.
#pragma once

#include <cstdio>

inline bool left_out(bool is_impossible, const char* reason) {
  if (is_impossible) std::printf("left out: %s\n", reason);
  return is_impossible;
}
