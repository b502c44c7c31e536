// Sockets in words: the peer or the listening address, unsent bytes, and the timeout of its calls.
// Cold context only. Nothing is sent or received.
#pragma once

#include <string>
#include <string_view>

#include "symbolizer/activity/descriptors.h"

namespace holdwatch {

// "-> 10.2.3.4:443, 96 KiB unsent", "listening on 127.0.0.1:80", "bound to 0.0.0.0:53", "unconnected socket", "netlink
// socket". `descriptor` is one of this process.
std::string describe_socket(int descriptor, Direction direction);

// A sockaddr's bytes: "10.2.3.4:443", "[2001:db8::1]:443", "/run/x.sock", "@abstract", "vsock 2:1024"; "unnamed unix
// socket" for one without a name, "address family 16" for any other kind, empty if there is none.
std::string describe_address(std::string_view bytes);

}  // namespace holdwatch
