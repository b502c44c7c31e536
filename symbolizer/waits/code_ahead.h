// Whether a blocked thread, once it goes on, gets to a call that ends waits for an object: by the code that comes after its calls.
// Cold context only; nothing is executed. A guess: the code is read from top to bottom, whatever its branches depend on, and
// an object is recognized only at an address that the code itself contains, as that of a global variable. Only where there
// is no decoder, with which GuardSearch::may_signal knows better.
#pragma once

#include <cstdint>
#include <set>

#include "shim/common/contract/finding.h"
#include "symbolizer/unwind/memory.h"
#include "symbolizer/unwind/modules.h"
#include "symbolizer/waits/innermost_functions.h"

namespace holdwatch {

class CodeAhead {
 public:
  // All must outlive this object.
  CodeAhead(const Modules& modules, MemoryReader& memory, const ResolveFrames& resolve)
      : modules_(modules), memory_(memory), resolve_(resolve) {}

  // `stack`: of the thread. Signals, posts, and calls of functions of the same module that do, a few levels deep.
  bool ends_wait_for(uintptr_t object, const RawStack& stack);

 private:
  bool scan(uintptr_t from, bool is_return_address, int depth);
  bool is_end_call(uintptr_t target, uint64_t argument) const;

  const Modules& modules_;
  MemoryReader& memory_;
  const ResolveFrames& resolve_;
  uintptr_t object_ = 0;
  std::set<uintptr_t> scanned_;
};

}  // namespace holdwatch
