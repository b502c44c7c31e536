// Which call restart_syscall continues: after a stop, the kernel resumes a sleep or a wait with a timeout under that
// number (signal(7)), with its arguments still in the registers.
// Cold context only.
#pragma once

#include <string_view>

#include "shim/common/contract/finding.h"
#include "symbolizer/unwind/memory.h"

namespace holdwatch {

// The call under its own number; unchanged if it is another one, or if the call that it resumes is unknown.
// `wait_channel` is /proc/TID/wchan: the kernel's function that the thread sleeps in.
SystemCall resumed_call(const SystemCall& call, std::string_view wait_channel);

// The same where the kernel cannot be asked, as of a core file: the code before `ip`, which follows the `syscall` instruction,
// still has the number that it made the call with.
SystemCall resumed_call(const SystemCall& call, uintptr_t ip, MemoryReader& memory);

}  // namespace holdwatch
