// A stack from a snapshot: libunwind's remote interface over copied or live memory, and where the frame pointer is not
// known, a search for the frame that saved it.
// Cold context only. The one file pair that knows libunwind.
#pragma once

#include <memory>

#include "shim/base/plain.h"
#include "symbolizer/unwind/memory.h"
#include "symbolizer/unwind/modules.h"

namespace holdwatch {

class Unwinder {
 public:
  // Both must outlive the unwinder.
  Unwinder(Modules& modules, MemoryReader& memory);
  ~Unwinder();

  // Fills `out` from the snapshot's registers on. Never throws; what is missing stands in out.note.
  void unwind(const Snapshot& snapshot, RawStack& out);

  // Where the function containing `pc` begins according to the unwind tables, 0 if they do not say.
  uintptr_t function_start(uintptr_t pc);

  // Forgets cached procedure information: call when modules have changed.
  void forget();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace holdwatch
