// Who holds an rwlock that was read before an attachment, as the report of a wait for it says: the reporter finds that in their
// code, and the answer to the attaching command has to say the same.
// The reporter notes, the watcher asks: one thread each. Only the latest report's are kept.
#pragma once

#include <cstdint>

namespace holdwatch {

struct FoundReaders {
  int tid;  // of the first one
  bool is_likely;
  uint32_t count;
};

void note_found_readers(uint64_t episode, const FoundReaders& readers);

// False if none were found for this episode, or not yet.
bool found_readers(uint64_t episode, FoundReaders* out);

}  // namespace holdwatch
