// A file that reports are appended to, one write each; opened when the first report comes, and again when it has been
// rotated away or the program has closed our descriptor. What a full disk cuts short is taken back.
// See output.h for context and rules.
#pragma once

#include <optional>

#include "symbolizer/report/outputs/descriptor.h"
#include "symbolizer/report/outputs/output.h"

namespace holdwatch {

class FileOutput final : public Output {
 public:
  // A relative path is meant from where the program is now, wherever it goes later.
  explicit FileOutput(const std::string& path);
  ~FileOutput() override;
  std::string name() const override { return path_; }

  // Leaves it to the first report to create the file: a process that never has one leaves no empty file behind.
  int probe() const override;

 private:
  int try_write(const Message& message) override;
  int ensure_open();
  void give_up_descriptor();

  std::string path_;
  int descriptor_ = -1;
  std::optional<FileIdentity> identity_;
  bool torn_ = false;  // the latest line has no end and could not be taken back
};

}  // namespace holdwatch
