// Standard error, as long as it is the one that the program started with.
// See output.h for context and rules.
#pragma once

#include <optional>

#include "symbolizer/report/outputs/descriptor.h"
#include "symbolizer/report/outputs/output.h"

namespace holdwatch {

class StderrOutput final : public Output {
 public:
  // Remembers which file the descriptor is now. A daemon closes it later and may get a data file under its number.
  explicit StderrOutput(int descriptor = 2);
  std::string name() const override { return "stderr"; }

 private:
  int try_write(const Message& message) override;

  int descriptor_;
  std::optional<FileIdentity> identity_;
};

}  // namespace holdwatch
