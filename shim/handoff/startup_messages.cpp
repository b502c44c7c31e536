// See startup_messages.h.
#include "shim/handoff/startup_messages.h"

#include <atomic>
#include <cstring>

#include "shim/base/clock.h"
#include "shim/common/contract/control_block.h"
#include "shim/common/text/text_buffer.h"
#include "shim/handoff/reporter_loading.h"
#include "shim/own_threads/standard_error.h"

namespace holdwatch {
namespace {

constexpr uint64_t kTimeoutNs = 5 * kNanosecondsPerSecond;

// Of the one kind, one after the other.
class Messages {
 public:
  void clear() { text_[0] = '\0'; }
  void add(std::string_view line) {
    const size_t length = strlen(text_);
    TextBuffer(text_ + length, sizeof text_ - length) << (length > 0 ? "; " : "") << line;
  }
  const char* text() const { return text_[0] == '\0' ? nullptr : text_; }

 private:
  char text_[kControlAnswerSize / 2];
};

constinit Messages g_refusals{}, g_remarks{};
std::atomic<bool> g_listening{false};

}  // namespace

void listen_for_startup_messages() {
  g_refusals.clear();
  g_remarks.clear();
  g_listening.store(true);
}

bool is_listening_for_startup_messages() {
  return g_listening.load();
}

StartupMessages hear_startup_messages() {
  const bool has_looked = wait_for_reporter_loaded(kTimeoutNs);
  g_listening.store(false);
  return has_looked ? StartupMessages{g_refusals.text(), g_remarks.text()} : StartupMessages{};
}

void add_startup_refusal(const char* what, const char* instead) {
  if (g_listening.load())
    g_refusals.add(what);
  else
    print_message(Line<1024>() << what << "; " << instead);
}

void add_startup_remark(std::string_view line) {
  if (g_listening.load()) g_remarks.add(line);
}

}  // namespace holdwatch
