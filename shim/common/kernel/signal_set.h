// Sets of signals, without libc's functions for them.
// Any context.
#pragma once

#include <signal.h>

#include <cstdint>

namespace holdwatch {

constexpr uint64_t signal_bit(int signal) {
  return uint64_t{1} << (signal - 1);
}

// The kernel's set is the first word of libc's.
inline sigset_t signal_set(uint64_t bits) {
  sigset_t set{};
  set.__val[0] = bits;
  return set;
}

inline bool contains(const sigset_t& set, int signal) {
  return (set.__val[0] & signal_bit(signal)) != 0;
}

// All signals that a program can block. libc reserves two for itself: if a thread blocked 33, the program's setuid
// would wait forever (nptl/setxid_signal_handler.c).
inline constexpr uint64_t kAllSignals = ~(signal_bit(32) | signal_bit(33));

}  // namespace holdwatch
