// What a descriptor leads to: a socket's peer, a path, a pipe, and what is stuck in it.
// Cold context only. Only asks: nothing here reads from a descriptor, writes to it, or waits for what is behind it. One of
// another process is duplicated for as long as the question takes.
#pragma once

#include <string>
#include <string_view>

#include "symbolizer/activity/thread_files.h"

namespace holdwatch {

// What the call does with the descriptor: what has not left yet, and a socket's own timeout (SO_SNDTIMEO, SO_RCVTIMEO), are
// worth a word to who waits for just that.
enum class Direction { any, sending, receiving };

// "41 -> 10.2.3.4:443, 96 KiB unsent", "4 listening on 127.0.0.1:80", "7 pipe:[1234], 64 KiB unread", "5 /var/lib/x",
// "9 eventfd", "12 (closed)"; the number alone if where it leads is not known.
std::string describe_descriptor(int descriptor, Direction direction, const ThreadFiles& files);

// Whether a thread that sleeps in this function of the kernel (/proc/TID/wchan) reads or writes another kind of file than the
// number leads to by now: the call goes on with the file that it began with, though another thread has closed the descriptor
// and its number was given to a new one.
bool is_of_other_file(int descriptor, std::string_view wait_channel, const ThreadFiles& files);

}  // namespace holdwatch
