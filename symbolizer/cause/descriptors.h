// What a descriptor leads to: a socket's peer, a path, a pipe, and what is stuck in it.
// Cold context only. Only asks: nothing here reads from a descriptor, writes to it, or waits for what is behind it. One of
// another process is duplicated for as long as the question takes.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

namespace holdwatch {

// Whose descriptors are meant: a process by its id, ours, or one that is no more, whose numbers are all that is left.
inline constexpr pid_t kOurDescriptors = 0;
inline constexpr pid_t kLostDescriptors = -1;

enum class Direction { any, sending };  // sending: what has not left yet is worth a word

// "41 -> 10.2.3.4:443, 96 KiB unsent", "4 listening on 127.0.0.1:80", "7 pipe:[1234], 64 KiB unread", "5 /var/lib/x",
// "9 eventfd", "12 (closed)".
std::string describe_descriptor(int descriptor, Direction direction, pid_t process = kOurDescriptors);

// A sockaddr's bytes: "10.2.3.4:443", "[2001:db8::1]:443", "/run/x.sock", "@abstract"; "unnamed unix socket" for one
// without a name, "address family 16" for any other kind, empty if there is none.
std::string describe_address(std::string_view bytes);

// The path behind a descriptor as the kernel tells it, printable; empty if it is not open.
std::string descriptor_path(int descriptor, pid_t process = kOurDescriptors);

}  // namespace holdwatch
