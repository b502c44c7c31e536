// The calls whose arguments belong together (poll, select, futex, the sleeps), and paths and addresses in memory, in words.
// Cold context only; reads the watched memory through a MemoryReader, for the program may change it while we look.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "shim/common/contract/finding.h"
#include "symbolizer/activity/context.h"

namespace holdwatch {

// What stands between the parentheses of a call with this letter in the table (see syscalls.h); none if the letter is
// not one of the whole calls.
std::optional<std::string> describe_whole_call(char letter, const SystemCall& call, const CallContext& context);

// The string at `address`, printable and cut to a reasonable length; "?" if it cannot be read, empty if there is none.
std::string read_path(uintptr_t address, const CallContext& context);

// "to 10.2.3.4:443", where a call sends to whom its argument says; empty if it says nothing.
std::string describe_receiver(uintptr_t address, uint64_t length, const CallContext& context);
// The same from a msghdr.
std::string describe_message_receiver(uintptr_t message, const CallContext& context);

// ", timeout 3 s" and the like of a futex call; empty if it waits without bound.
std::string describe_futex_timeout(const SystemCall& call, const CallContext& context);

}  // namespace holdwatch
