// The holds of a lock that began while a thread waited for it: how many were seen, which threads had them, and where they were
// taken.
// Any context. Trivially copyable.
#pragma once

#include <cstddef>
#include <cstdint>

#include "shim/common/contract/wait.h"

namespace holdwatch {

struct RawStack;

inline constexpr size_t kMaxPassedPlaces = 16;
inline constexpr size_t kMaxPassers = 256;

// A thread that had such holds, and how many of them that were taken at this place.
struct Passer {
  int tid;
  uint16_t place;  // an index
  bool reads;      // of an rwlock
  uint32_t holds;
};

// The arrays stay valid during the call that hands the finding over.
struct PassedBy {
  uint64_t holds;  // a lower bound; 0: none was seen, or nobody has looked
  uint64_t reads;  // of these, for reading
  int tid;         // of the thread that waited
  char thread[kThreadNameSize];
  bool writes;           // it waited to write
  bool prefers_readers;  // the rwlock lets readers in while a writer waits
  // Of the most frequent places the acquisition, as far as it was noted; null if it was not captured.
  const RawStack* const* places;
  size_t place_count;
  const Passer* passers;  // of most of the holds
  size_t passer_count;
};

}  // namespace holdwatch
