// The parts of a description: sizes, durations, and names from outside made safe to print.
// Pure; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace holdwatch {

// "512 B", "1.5 KiB", "96 KiB", "2 MiB": truncated after one decimal.
std::string size_in_words(uint64_t bytes);

// "50 us", "1.5 ms", "3 s", "1 min 30 s": as in the rest of a report.
std::string duration_in_words(uint64_t ns);

// "0x7f1234".
std::string hex_in_words(uint64_t value);

// Cut to `size` bytes, at the end of a UTF-8 sequence, with "..." where something is missing.
std::string cut_to(std::string_view text, size_t size);

// Safe to print: see common/text/escaped_text.h.
std::string printable(std::string_view text);

}  // namespace holdwatch
