// The system log, by datagrams to /dev/log. Not through syslog(3), whose openlog settings and descriptor belong to the
// program.
// See output.h for context and rules.
#pragma once

#include "symbolizer/outputs/output.h"

namespace holdwatch {

class SyslogOutput final : public Output {
 public:
  explicit SyslogOutput(std::string socket_path = "/dev/log") : socket_path_(std::move(socket_path)) {}
  std::string name() const override { return "syslog"; }
  int probe() const override;

 private:
  int try_write(const Message& message) override;

  std::string socket_path_;
};

}  // namespace holdwatch
