// Which call restart_syscall goes on with: after a stop the kernel has a sleep or a wait with a timeout resumed under that
// number (signal(7)), its arguments left in the registers.
// Cold context only.
#pragma once

#include <string_view>

#include "shim/common/contract/finding.h"

namespace holdwatch {

// The call under its own number; as it is if it is another one, or if what it resumes is not known. `wait_channel` is
// /proc/TID/wchan: the kernel's function that the thread sleeps in.
SystemCall resumed_call(const SystemCall& call, std::string_view wait_channel);

}  // namespace holdwatch
