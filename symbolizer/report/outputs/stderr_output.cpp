// See stderr_output.h.
#include "symbolizer/report/outputs/stderr_output.h"

#include <cerrno>

namespace holdwatch {

namespace {

// Written once, before the first report.
bool g_remembered = false;
std::optional<FileIdentity> g_at_start;

}  // namespace

StderrOutput::StderrOutput(int descriptor)
    : descriptor_(descriptor), identity_(descriptor == 2 && g_remembered ? g_at_start : identity_of(descriptor)) {}

void StderrOutput::remember(std::optional<FileIdentity> at_start) {
  g_at_start = at_start;
  g_remembered = true;
}

int StderrOutput::try_write(const Message& message) {
  if (!identity_ || identity_of(descriptor_) != identity_) return EBADF;
  size_t written = 0;
  return write_all(descriptor_, message.text, &written);
}

}  // namespace holdwatch
