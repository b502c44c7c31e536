// The numbers of frames in a stack's note. Who writes the note counts the frames that there are; a reader counts those that
// are shown, with inlined functions, and without holdwatch's own and the wrappers at the beginning.
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
