// From a snapshot to a stack: step by step up copied or live memory, and, if the frame pointer is unknown, by a search
// for the frame that saved it.
// Cold context only; one thread at a time. Nothing here writes to, stops or signals the thread, and no byte of the
// process is trusted: a stack may be incomplete, with the reason noted, but never contains a guessed frame.
#pragma once

#include <memory>
#include <vector>

#include "shim/common/contract/finding.h"
#include "symbolizer/unwind/frame_step.h"
#include "symbolizer/unwind/memory.h"
#include "symbolizer/unwind/modules.h"

namespace holdwatch {

class Unwinder {
 public:
  // Both must outlive the unwinder.
  Unwinder(Modules& modules, MemoryReader& memory);
  ~Unwinder();

  // A new report begins. All its stacks together may take two seconds, and each a little more after that: with hostile
  // tables, stacks are cut.
  void begin_report();

  // Fills `out`, starting from the snapshot's registers. Never throws; out.note says what is missing. `registers`, if not null,
  // receives those of the innermost frames, as far as they are known.
  void unwind(const Snapshot& snapshot, RawStack& out, std::vector<RegisterSet>* registers = nullptr);

  // Where the function containing `pc` begins according to the unwind tables, 0 if they do not say.
  uintptr_t function_start(uintptr_t pc);

  // Drops what is cached of modules and unwind tables. Done automatically when `modules` has changed.
  void forget();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace holdwatch
