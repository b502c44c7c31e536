// A file that reports are appended to, one write each; opened at the first report, and again when it was rotated away
// or the program has closed our descriptor. If a full disk cuts a report short, what was written of it is
// removed; if the end of another process did, the next report begins on a line of its own.
// See output.h for context and rules.
#pragma once

#include <optional>

#include "symbolizer/outputs/descriptor.h"
#include "symbolizer/outputs/output.h"

namespace holdwatch {

class FileOutput final : public Output {
 public:
  // A relative path is resolved against the current directory now, wherever the program changes to later.
  explicit FileOutput(const std::string& path);
  ~FileOutput() override;
  std::string name() const override { return path_; }

  // Leaves creating the file to the first report: a process without reports leaves no empty file behind.
  int probe() const override;

 private:
  int try_write(const Message& message) override;
  int ensure_open();
  bool ends_within_line() const;
  void give_up_descriptor();

  std::string path_;
  int descriptor_ = -1;
  std::optional<FileIdentity> identity_;
  bool torn_ = false;  // the file's last line is incomplete
};

}  // namespace holdwatch
