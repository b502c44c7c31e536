// One datagram to a local socket, for syslog and the journal.
// Cold context. Keeps no descriptor between calls, so that the program can neither close nor replace it.
#pragma once

#include <string>
#include <string_view>

namespace holdwatch {

// Returns 0 if somebody listens on the socket bound at `path`, else an errno value.
int probe_socket(const std::string& path);

// Sends to the socket bound at `path`. Returns 0 or an errno value; EMSGSIZE if it is too large for one datagram.
int send_datagram(const std::string& path, std::string_view bytes);

// Sends a sealed memory file that contains `bytes` instead of the bytes: the journal accepts large entries in this
// form.
int send_as_file(const std::string& path, std::string_view bytes);

}  // namespace holdwatch
