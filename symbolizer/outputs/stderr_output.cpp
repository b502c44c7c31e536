// See stderr_output.h.
#include "symbolizer/outputs/stderr_output.h"

#include <cerrno>

#include "symbolizer/report/color.h"

namespace holdwatch {

namespace {

bool g_remembered = false;
std::optional<FileIdentity> g_at_start;

}  // namespace

StderrOutput::StderrOutput(int descriptor, ColorWhen color)
    : descriptor_(descriptor),
      color_(color),
      identity_(descriptor == 2 && g_remembered ? g_at_start : identity_of(descriptor)) {}

void StderrOutput::remember(std::optional<FileIdentity> at_start) {
  g_at_start = at_start;
  g_remembered = true;
}

// A filter of the program may make the call fail: then the descriptor is assumed to be unchanged.
int StderrOutput::probe() const {
  const std::optional<FileIdentity> now = identity_of(descriptor_);
  if (!now && errno != EBADF && identity_) return 0;
  return identity_ && now == identity_ ? 0 : EBADF;
}

int StderrOutput::try_write(const Message& message) {
  const int unusable = probe();
  if (unusable != 0) return unusable;
  size_t written = 0;
  if (!uses_color(color_, descriptor_)) return write_all(descriptor_, message.text, &written);
  return write_all(descriptor_, colored(message.text, message.severity), &written);
}

}  // namespace holdwatch
