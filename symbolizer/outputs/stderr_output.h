// Standard error, as long as it is the one that the program started with.
// See output.h for context and rules.
#pragma once

#include <optional>

#include "shim/common/contract/settings.h"
#include "symbolizer/outputs/descriptor.h"
#include "symbolizer/outputs/output.h"

namespace holdwatch {

class StderrOutput final : public Output {
 public:
  // Writes only to the file that the descriptor refers to now, or that was passed to `remember`: a daemon closes its
  // descriptors and may open a data file under this number.
  explicit StderrOutput(int descriptor = 2, ColorWhen color = ColorWhen::never);

  // For every later StderrOutput of descriptor 2: the file that it was at the program's start, nothing if it was
  // closed.
  static void remember(std::optional<FileIdentity> at_start);
  std::string name() const override { return "stderr"; }
  int probe() const override;

 private:
  int try_write(const Message& message) override;

  int descriptor_;
  ColorWhen color_;
  std::optional<FileIdentity> identity_;
};

}  // namespace holdwatch
