// The systemd journal, by its native protocol (https://systemd.io/JOURNAL_NATIVE_PROTOCOL): one entry a report, with
// fields to search by. Our own forty lines, because libsystemd would bring four more libraries into every process.
// See output.h for context and rules.
#pragma once

#include "symbolizer/report/outputs/output.h"

namespace holdwatch {

class JournalOutput final : public Output {
 public:
  explicit JournalOutput(std::string socket_path = "/run/systemd/journal/socket")
      : socket_path_(std::move(socket_path)) {}
  std::string name() const override { return "journal"; }
  bool takes_lines() const override { return false; }
  int probe() const override;

 private:
  int try_write(const Message& message) override;

  std::string socket_path_;
};

// The entry as the protocol has it. Pure.
std::string journal_entry(const Message& message);

}  // namespace holdwatch
