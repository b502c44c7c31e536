// The calls whose arguments belong together (poll, select, futex, the sleeps), and times and paths in memory, in words.
// Cold context only; reads the watched memory through a MemoryReader, for the program may change it while we look.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "shim/base/plain.h"
#include "symbolizer/cause/descriptors.h"
#include "symbolizer/unwind/memory.h"

namespace holdwatch {

// What stands between the parentheses of a call with this letter in the table (see syscalls.h); none if the letter is
// not one of the whole calls.
std::optional<std::string> describe_whole_call(char letter, const SystemCall& call, MemoryReader& memory,
                                               pid_t process = kOurDescriptors);

// The string at `address`, printable and cut to a reasonable length; "?" if it cannot be read.
std::string read_path(uintptr_t address, MemoryReader& memory);

// "timeout 3 s", "no timeout" for a null pointer; empty if the timespec at `address` cannot be read.
std::string describe_timeout_at(uintptr_t address, MemoryReader& memory);

// The same for poll's and epoll_wait's number of milliseconds, which is negative for none.
std::string describe_timeout_ms(uint64_t argument);

}  // namespace holdwatch
