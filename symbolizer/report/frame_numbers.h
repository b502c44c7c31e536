// The numbers of frames in a stack's note. The note counts raw frames; the reader sees the shown ones, which include inlined
// functions and leave out holdwatch's own frames and the wrappers at the beginning.
// Pure.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace holdwatch {

// The note with N in each "frame N" or "frame #N" as `renumber` has it; "a frame that is not shown" where that has nothing.
std::string with_frame_numbers(std::string_view note, const std::function<std::optional<size_t>(size_t)>& renumber);

}  // namespace holdwatch
