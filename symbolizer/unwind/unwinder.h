// A stack from a snapshot: step by step up copied or live memory, and where the frame pointer is not known, a search for
// the frame that saved it.
// Cold context only; one thread at a time. Nothing here writes to, stops or signals the thread, and no byte of the
// process is trusted: a stack may be short, with the reason said, but never holds a frame that was guessed.
#pragma once

#include <memory>

#include "shim/common/contract/finding.h"
#include "symbolizer/unwind/memory.h"
#include "symbolizer/unwind/modules.h"

namespace holdwatch {

class Unwinder {
 public:
  // Both must outlive the unwinder.
  Unwinder(Modules& modules, MemoryReader& memory);
  ~Unwinder();

  // What follows is for another report. All stacks of one take two seconds together, and each a little beyond that: where
  // tables are hostile, it is cut.
  void begin_report();

  // Fills `out` from the snapshot's registers on. Never throws; what is missing stands in out.note.
  void unwind(const Snapshot& snapshot, RawStack& out);

  // Where the function containing `pc` begins according to the unwind tables, 0 if they do not say.
  uintptr_t function_start(uintptr_t pc);

  // Forgets what is cached of modules and unwind tables. Happens by itself when `modules` has changed.
  void forget();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace holdwatch
