// The signals that concern a program with the whole screen: read like input, so that none arrives in the middle of anything.
#pragma once

#include <csignal>
#include <optional>

namespace holdwatch::top {

// Whether we may read from the terminal and change its modes: not while the shell, or another of its jobs, has it.
bool is_in_foreground();

class Signals {
 public:
  // Blocks SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGTSTP, SIGCONT and SIGWINCH until the end of this object. Those that are ignored stay so.
  Signals();
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  int descriptor() const { return descriptor_; }
  // The number of the next one; nothing if there is none.
  std::optional<int> next() const;

  // Stops this process until it is continued, as SIGTSTP would have.
  static void stop();
  // Ends this process as that signal would have. To be called when the terminal is restored.
  [[noreturn]] static void end_by(int signal);

 private:
  sigset_t before_{};
  int descriptor_ = -1;
};

}  // namespace holdwatch::top
