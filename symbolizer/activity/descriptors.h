// What a descriptor refers to: a socket's peer, a path, a pipe, and how many bytes are waiting in it.
// Cold context only. Nothing here reads from a descriptor, writes to it, or waits for what it refers to. A descriptor
// of another process is duplicated while it is examined.
#pragma once

#include <string>
#include <string_view>

#include "symbolizer/activity/thread_files.h"

namespace holdwatch {

// What the call does with the descriptor: unsent bytes, and a socket's own timeout (SO_SNDTIMEO, SO_RCVTIMEO), are
// shown if the call waits for them.
enum class Direction { any, sending, receiving };

// "41 -> 10.2.3.4:443, 96 KiB unsent", "4 listening on 127.0.0.1:80", "7 pipe:[1234], 64 KiB unread", "5 /var/lib/x",
// "9 eventfd", "12 (closed)"; the number alone if its file is unknown.
std::string describe_descriptor(int descriptor, Direction direction, const ThreadFiles& files);

// Whether a thread that sleeps in this function of the kernel (/proc/TID/wchan) reads or writes another kind of file
// than the one that the number refers to now: the call continues with its file even if another thread has closed the
// descriptor and the number is in use again.
bool is_of_other_file(int descriptor, std::string_view wait_channel, const ThreadFiles& files);

// Whether it is a pipe that was opened by a path, this one (mkfifo). `wait_channel`: of the thread that waits for it.
bool is_pipe_with_path(int descriptor, const std::string& path, std::string_view wait_channel,
                       const ThreadFiles& files);

}  // namespace holdwatch
