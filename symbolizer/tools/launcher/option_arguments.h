// The rows of options.def as arguments of a command: --read-limit 250ms, --read-limit=250ms, --lock-order, --config
// FILE.
// The names and the possible values come from the table alone.
#pragma once

#include <cstddef>
#include <string_view>

#include "shim/common/options/option_table.h"
#include "shim/common/text/text_buffer.h"

namespace holdwatch {

// A value in the form that the environment gets; has room for an option's value, and for the directory before it.
using OptionValue = Line<2 * kTextOptionSize>;

// The row of "read-limit"; null if there is none. HELP is not found: --help belongs to the launcher.
const OptionRow* find_argument(std::string_view name);

// The row with the most similar name, or null.
const OptionRow* nearest_argument(std::string_view name);

// The row's name as an argument: READ_LIMIT is read-limit.
void write_argument_name(const OptionRow& row, TextBuffer& out);

// Whether the row's value is on or off: then it need not be given.
bool is_toggle(const OptionRow& row);

// The value in the form that the environment gets: a relative path is completed with `directory`, because the program
// may have another working directory when it opens the file. `directory` is empty if it is not known. Returns null, or
// the reason why the value is invalid.
const char* complete_value(const OptionRow& row, std::string_view typed, std::string_view directory, OptionValue& out);

// Null, or why the option cannot be `typed`, which is "-" for standard output. Other values are not checked.
const char* why_not_standard_output(const OptionRow& row, std::string_view typed);

// One line for each word that the option may have as its value; for a range or free text, the table's own description.
void print_value_words(const OptionRow& row);

// A line or two about each option, for --help.
void print_options();

}  // namespace holdwatch
