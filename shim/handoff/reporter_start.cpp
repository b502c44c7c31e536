// See reporter_start.h.
#include "shim/handoff/reporter_start.h"

#include <atomic>
#include <cstring>

#include "shim/base/clock.h"
#include "shim/base/os.h"
#include "shim/common/contract/control_block.h"
#include "shim/common/text/text_buffer.h"
#include "shim/own_threads/standard_error.h"

namespace holdwatch {
namespace {

std::atomic<uint32_t> g_is_loading{0};

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

void reporter_loading_begins() {
  g_is_loading.store(1);
}

void reporter_loading_ends() {
  g_is_loading.store(0);
  wake(g_is_loading);
}

bool wait_for_reporter_loaded(uint64_t timeout_ns) {
  const uint64_t until_ns = monotonic_ns() + timeout_ns;
  for (uint64_t now_ns = monotonic_ns(); g_is_loading.load() != 0 && now_ns < until_ns; now_ns = monotonic_ns())
    sleep_on(g_is_loading, 1, until_ns - now_ns);
  return g_is_loading.load() == 0;
}

void listen_for_startup_messages() {
  g_refusals.clear();
  g_remarks.clear();
  g_listening.store(true);
}

bool is_listening_for_startup_messages() {
  return g_listening.load();
}

StartupMessages await_startup_messages() {
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
