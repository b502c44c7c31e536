// The stack of an acquisition, put together from what the lock call recorded and the holder's current stack.
// Pure; cold context. Addresses only: names come later.
#pragma once

#include <cstdint>
#include <functional>

#include "shim/common/contract/finding.h"

namespace holdwatch {

// The frames of an acquisition as addresses: the recorded call sites, and outside of them the live stack, as long as a
// frame of the acquisition is alive.
struct AcquisitionStack {
  RawStack stack;
  int alive_frame;       // index in holder.now of the innermost frame that is still alive, -1 if none is
  bool alive_is_proven;  // false: by now it may be another call of the same function
  uint32_t
      first_alive;  // the same frame in `stack`: frames before it have returned since. stack.count if none is alive
};

// `function_start` returns the start of the function that contains an address, 0 if it is not known.
AcquisitionStack assemble_acquisition_stack(const Holder& holder,
                                            const std::function<uintptr_t(uintptr_t)>& function_start);

}  // namespace holdwatch
