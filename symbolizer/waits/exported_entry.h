// Which exported function of libc a thread is in whose internal part has no name: pthread_once, sem_wait, pthread_join and
// others end in a jump to one.
// Cold context only.
#pragma once

#include <string>

#include "shim/common/contract/finding.h"
#include "symbolizer/unwind/code.h"
#include "symbolizer/unwind/modules.h"

namespace holdwatch {

// The name of the exported function that `frame`, in a function of `module`, is a part of, by the module's code; empty if there is
// none, or if several are possible that do not wait for the same kind of object.
std::string exported_entry_of(const RawFrame& frame, const Module& module, MemoryReader& memory, Code& code);

}  // namespace holdwatch
