// Whether a thread sleeps on a word, or on one of an object's.
// Any context; pure.
#pragma once

#include <cstddef>
#include <cstdint>

#include "shim/common/contract/finding.h"
#include "shim/common/glibc/futex_wait.h"

namespace holdwatch {

inline bool is_asleep_on(const Snapshot& thread, uintptr_t object, size_t size = 1) {
  const auto futex = futex_wait(thread.call);
  return futex && futex->word - object < size;
}

}  // namespace holdwatch
