// How long a call will wait, from its arguments: relative times as given, absolute ones as the time left.
// Cold context only.
#pragma once

#include <sys/time.h>
#include <time.h>

#include <cstdint>
#include <optional>
#include <string>

#include "symbolizer/activity/context.h"

namespace holdwatch {

// None for an invalid or implausibly long time.
std::optional<uint64_t> nanoseconds_of(const timespec& time);
std::optional<uint64_t> nanoseconds_of(
    const timeval& time);  // more than a million microseconds are allowed, as in select

// "timeout 3 s", "no timeout" for a null pointer; empty if the time at `address` cannot be read or is invalid.
std::string describe_timeout_at(uintptr_t address, const CallContext& context);
std::string describe_timeval_at(uintptr_t address, const CallContext& context);

// The same for a time of `clock` at which the wait ends: "timeout in 1.2 s"; "timeout now" once it is over.
std::string describe_deadline_at(uintptr_t address, clockid_t clock, const CallContext& context);

// The time left until then; 0 once it is over, none if that is not known.
std::optional<uint64_t> time_left_until(uintptr_t address, clockid_t clock, const CallContext& context);
// The relative time at `address`.
std::optional<uint64_t> time_at(uintptr_t address, const CallContext& context);

// The same for poll's and epoll_wait's number of milliseconds, which is negative for none.
std::string describe_timeout_ms(uint64_t argument);

// For a sleep: "3 s", "until 1.2 s from now", "2 s of CPU time"; empty if not known.
std::string describe_sleep_at(uintptr_t address, clockid_t clock, bool absolute, const CallContext& context);

}  // namespace holdwatch
