// Restores the terminal if this program crashes: a shell in a terminal that echoes nothing and shows half a table is no place to
// read what went wrong.
// Only with ncurses, whose newterm has been called.
#pragma once

#include <termios.h>

namespace holdwatch::top {

// Whether the terminal can place its cursor.
bool can_address_cursor();

// From now on a crash restores these modes, and ends this process as it would have.
void prepare_for_crashes(const termios& modes);
void forget_crashes();

}  // namespace holdwatch::top
