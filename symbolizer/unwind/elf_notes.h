// ELF notes, as segments and sections hold them, in memory or in a file.
// Pure. The notes are another's bytes: every size in them is checked before use.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace holdwatch {

// The build id among the notes, as hex; empty if it is not there. `alignment` is that of the segment or section: where it is
// 8, notes are padded to that.
std::string build_id_in(std::string_view notes, size_t alignment);

}  // namespace holdwatch
