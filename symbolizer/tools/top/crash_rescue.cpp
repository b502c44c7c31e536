// See crash_rescue.h.
#include "symbolizer/tools/top/crash_rescue.h"

#include <unistd.h>

#include <array>
#include <csignal>
#include <cstring>
#include <string_view>

// After all others: they define macros with common names.
#include <curses.h>
#include <term.h>

namespace holdwatch::top {
namespace {

// In memory that is ready: only system calls may be made then.
struct Rescue {
  termios modes;
  char sequences[128];
  size_t length;
};
constinit Rescue g_rescue = {};

constexpr std::array kCrashes = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};

// The handler is reset by then, so that the signal ends us as it would have.
extern "C" void restore_after_crash(int signal) {
  [[maybe_unused]] const ssize_t written = write(STDOUT_FILENO, g_rescue.sequences, g_rescue.length);
  tcsetattr(STDIN_FILENO, TCSANOW, &g_rescue.modes);
  raise(signal);
}

const char* sequence_of(const char* capability) {
  char name[16];
  strncpy(name, capability, sizeof name - 1);
  name[sizeof name - 1] = '\0';
  const char* const sequence = tigetstr(name);
  const bool is_missing = sequence == nullptr || reinterpret_cast<intptr_t>(sequence) == -1;
  return is_missing ? "" : sequence;
}

// One with a delay in it ("$<5>") is left out; no terminal of today needs any.
void append_sequence(const char* capability) {
  const std::string_view sequence = sequence_of(capability);
  if (sequence.find("$<") != std::string_view::npos || g_rescue.length + sequence.size() > sizeof g_rescue.sequences)
    return;
  memcpy(g_rescue.sequences + g_rescue.length, sequence.data(), sequence.size());
  g_rescue.length += sequence.size();
}

}  // namespace

bool can_address_cursor() {
  return *sequence_of("cup") != '\0';
}

void prepare_for_crashes(const termios& modes) {
  g_rescue.modes = modes;
  g_rescue.length = 0;
  for (const char* const capability : {"sgr0", "cnorm", "rmkx", "rmcup"}) append_sequence(capability);
  struct sigaction action {};
  action.sa_handler = restore_after_crash;
  action.sa_flags = static_cast<int>(SA_RESETHAND | SA_NODEFER);
  for (const int signal : kCrashes) sigaction(signal, &action, nullptr);
}

void forget_crashes() {
  for (const int signal : kCrashes) ::signal(signal, SIG_DFL);
}

}  // namespace holdwatch::top
