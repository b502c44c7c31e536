// See complaints.h.
#include "shim/attach/complaints.h"

#include <atomic>
#include <cstring>

#include "shim/base/clock.h"
#include "shim/base/control_block.h"
#include "shim/base/say.h"
#include "shim/base/text_buffer.h"
#include "shim/watch/reporter.h"

namespace holdwatch {
namespace {

constexpr uint64_t kPatienceNs = 5 * kNanosecondsPerSecond;

char g_heard[kControlAnswerSize / 2];
std::atomic<bool> g_listening{false};

void complain(const char* what, const char* instead) {
  if (!g_listening.load()) {
    say(Line<1024>() << what << "; " << instead);
    return;
  }
  const size_t length = strlen(g_heard);
  TextBuffer(g_heard + length, sizeof g_heard - length) << (length > 0 ? "; " : "") << what;
}

}  // namespace

void listen_for_complaints() {
  g_heard[0] = '\0';
  g_listening.store(true);
  g_complain = complain;
}

const char* hear_complaints() {
  const bool has_looked = reporter_is_ready(kPatienceNs);
  g_listening.store(false);
  return has_looked && g_heard[0] != '\0' ? g_heard : nullptr;
}

}  // namespace holdwatch
