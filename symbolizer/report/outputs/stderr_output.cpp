// See stderr_output.h.
#include "symbolizer/report/outputs/stderr_output.h"

#include <cerrno>

namespace holdwatch {

StderrOutput::StderrOutput(int descriptor) : descriptor_(descriptor), identity_(identity_of(descriptor)) {}

int StderrOutput::try_write(const Message& message) {
  if (!identity_ || identity_of(descriptor_) != identity_) return EBADF;
  size_t written = 0;
  return write_all(descriptor_, message.text, &written);
}

}  // namespace holdwatch
