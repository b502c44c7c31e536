// Which library the loader's message reports as missing, and which of Debian's packages contains it.
// Any context; pure.
#pragma once

#include <string_view>

#include "shim/common/text/text_buffer.h"

namespace holdwatch {

// From "libdw.so.1: cannot open shared object file: No such file or directory": the library's name, which need not be
// that of the file that was to be loaded; also if only the library of a 32-bit system exists. Empty if the message is
// about something else.
std::string_view library_missing_according_to(std::string_view complaint);

// If Debian's package has a new name (libdw1t64), it provides this one too, and apt-get accepts it.
void write_debian_package_of(std::string_view soname, TextBuffer& out);

}  // namespace holdwatch
