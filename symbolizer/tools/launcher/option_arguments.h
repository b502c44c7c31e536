// The rows of options.def as arguments of a command: --read-limit 250ms, --read-limit=250ms, --lock-order, --config FILE.
// The names and what they may be come from the table alone.
#pragma once

#include <cstddef>
#include <string_view>

#include "shim/common/options/option_table.h"
#include "shim/common/text/text_buffer.h"

namespace holdwatch {

// A value as it goes into the environment; room for what an option holds, and for the directory before it.
using OptionValue = Line<2 * kTextOptionSize>;

// The row of "read-limit"; null if there is none. HELP is none: --help is the launcher's.
const OptionRow* find_argument(std::string_view name);

// The row whose name is most like it, or null.
const OptionRow* nearest_argument(std::string_view name);

// How a row is typed: READ_LIMIT is read-limit.
void write_argument_name(const OptionRow& row, TextBuffer& out);

// Whether the row is on or off: then it needs no value.
bool is_toggle(const OptionRow& row);

// The value as the environment is to have it: a path from `directory` on, for the program may be somewhere else when it
// opens it. `directory` is empty if it is not known. Returns null, or the reason why it cannot be.
const char* complete_value(const OptionRow& row, std::string_view typed, std::string_view directory, OptionValue& out);

// Null, or why the option cannot be `typed`, which is "-" for standard output. Other values are not looked at.
const char* why_not_standard_output(const OptionRow& row, std::string_view typed);

// A line for each word that the option may be; a range, and a text of one's own, are what the table has for them.
void print_value_words(const OptionRow& row);

// A line or two on each option, for --help.
void print_options();

}  // namespace holdwatch
