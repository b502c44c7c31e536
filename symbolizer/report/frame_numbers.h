// The numbers of frames in a stack's note. The note counts raw frames; the reader sees only those shown, which include
// inlined functions, but not holdwatch's own frames and the wrappers at the beginning.
// Pure.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace holdwatch {

// The note with N in each "frame N" or "frame #N" replaced by renumber(N); "a frame that is not shown" if that returns
// nothing.
std::string with_frame_numbers(std::string_view note, const std::function<std::optional<size_t>(size_t)>& renumber);

}  // namespace holdwatch
