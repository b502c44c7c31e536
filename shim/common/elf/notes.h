// ELF notes, as segments and sections hold them, in memory or in a file.
// Any context; pure. The notes are another's bytes: every size in them is checked before use.
#pragma once

#include <cstddef>
#include <string_view>

namespace holdwatch {

// The bytes of the build id among the notes, a part of them; empty if it is not there. `alignment` is that of the segment or
// section: where it is 8, notes are padded to that.
std::string_view find_build_id(std::string_view notes, size_t alignment);

}  // namespace holdwatch
