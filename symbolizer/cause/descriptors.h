// What a descriptor leads to: a socket's peer, a path, a pipe, and what is stuck in it.
// Cold context only. Only asks: nothing here reads from a descriptor, writes to it, or waits for what is behind it. One of
// another process is duplicated for as long as the question takes.
#pragma once

#include <string>
#include <string_view>

#include "symbolizer/cause/thread_files.h"

namespace holdwatch {

// What the call does with the descriptor: what has not left yet, and a socket's own timeout (SO_SNDTIMEO, SO_RCVTIMEO), are
// worth a word to who waits for just that.
enum class Direction { any, sending, receiving };

// "41 -> 10.2.3.4:443, 96 KiB unsent", "4 listening on 127.0.0.1:80", "7 pipe:[1234], 64 KiB unread", "5 /var/lib/x",
// "9 eventfd", "12 (closed)"; the number alone if where it leads is not known.
std::string describe_descriptor(int descriptor, Direction direction, const ThreadFiles& files);

}  // namespace holdwatch
