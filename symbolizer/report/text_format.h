// The elements of a text report: durations, times, counts, and names from the program made safe to print.
// Pure; any thread. Does not depend on reports.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace holdwatch {

// "350 us", "850 ms", "12.4 s", "14 min 3 s", "2 h 5 min": truncated, never rounded up, because the measured value is a
// lower bound.
std::string format_duration(uint64_t ns);

// ", 3 s lost waiting", or nothing if no time was lost.
std::string lost_waiting(uint64_t lost_ns);

// CLOCK_REALTIME as RFC 3339 in UTC with milliseconds. Computed without the C library's time zone code, whose lock
// the program might hold.
std::string format_time(uint64_t wall_clock_ns);

// The same for a file name: "20261123T194518Z".
std::string format_time_compact(uint64_t wall_clock_ns);

// "1 thread", "37 threads".
std::string count_of(size_t count, std::string_view singular, std::string_view plural);

// Safe to print, and in double quotes: see common/text/escaped_text.h.
std::string escape(std::string_view text);
std::string quote(std::string_view text);

// How many columns valid UTF-8 occupies, counting every code point as one.
size_t columns(std::string_view text);

// What follows the last slash.
std::string_view base_name(std::string_view path);

}  // namespace holdwatch
