// The systemd journal, by its native protocol (https://systemd.io/JOURNAL_NATIVE_PROTOCOL): one entry per report, with
// searchable fields. Not libsystemd, which would bring four more libraries into every process; our own code is forty
// lines.
// See output.h for context and rules.
#pragma once

#include "symbolizer/outputs/output.h"

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

// The entry in the protocol's format. Pure.
std::string journal_entry(const Message& message);

}  // namespace holdwatch
