// What a report says of a stream whose owner has exited: its lock names the descriptor of a thread, in which there is no id any more.
#pragma once

namespace holdwatch {

inline constexpr char kLeftByExited[] =
    "the thread that has locked it has exited, and nobody can unlock it: which one it was is not known";

}  // namespace holdwatch
