// Describes calls whose arguments belong together (poll, select, futex, the sleeps), and paths and addresses in memory.
// Cold context only; reads the watched memory through a MemoryReader, because the program may change it meanwhile.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "shim/common/contract/finding.h"
#include "symbolizer/activity/context.h"

namespace holdwatch {

// The text between the parentheses of a call with this letter in the table (see syscalls.h); none if the letter is not
// one for a whole call.
std::optional<std::string> describe_whole_call(char letter, const SystemCall& call, const CallContext& context);

// The string at `address`, printable and of limited length; "?" if it cannot be read, empty if there is none.
std::string read_path(uintptr_t address, const CallContext& context);

// "to 10.2.3.4:443", if a call has its receiver as an argument; empty if that is missing.
std::string describe_receiver(uintptr_t address, uint64_t length, const CallContext& context);
// The same from a msghdr.
std::string describe_message_receiver(uintptr_t message, const CallContext& context);

// ", timeout 3 s" and the like of a futex call; empty if it waits without bound.
std::string describe_futex_timeout(const SystemCall& call, const CallContext& context);

}  // namespace holdwatch
