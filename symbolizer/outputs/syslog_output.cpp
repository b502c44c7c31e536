// See syslog_output.h.
#include "symbolizer/outputs/syslog_output.h"

#include <fmt/format.h>
#include <syslog.h>
#include <unistd.h>

#include "symbolizer/outputs/datagram.h"

namespace holdwatch {

int SyslogOutput::probe() const {
  return probe_socket(socket_path_);
}

// A datagram for each line: syslog daemons write a newline within a message as "#012". There is no time before the tag:
// rsyslog and journald add their own, and a local time needs the C library's time zone lock.
int SyslogOutput::try_write(const Message& message) {
  const std::string tag = fmt::format("holdwatch[{}]: ", getpid());
  const int priority = LOG_USER | static_cast<int>(message.severity);
  for (std::string_view rest = message.text; !rest.empty();) {
    const size_t length = rest.find('\n');
    std::string_view line = rest.substr(0, length);
    rest.remove_prefix(length == std::string_view::npos ? rest.size() : length + 1);
    if (line.starts_with(tag)) line.remove_prefix(tag.size());
    const int reason = send_datagram(socket_path_, fmt::format("<{}>{}{}", priority, tag, line));
    if (reason != 0) return reason;
  }
  return 0;
}

}  // namespace holdwatch
