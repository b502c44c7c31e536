// See signals.h.
#include "symbolizer/tools/top/signals.h"

#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <system_error>

namespace holdwatch::top {
namespace {

void unblock(int signal) {
  sigset_t one;
  sigemptyset(&one);
  sigaddset(&one, signal);
  sigprocmask(SIG_UNBLOCK, &one, nullptr);
}

}  // namespace

bool is_in_foreground() {
  const pid_t group = tcgetpgrp(STDIN_FILENO);
  return group < 0 || group == getpgrp();
}

Signals::Signals() {
  sigset_t read;
  sigemptyset(&read);
  for (const int signal : {SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGTSTP, SIGCONT, SIGWINCH}) sigaddset(&read, signal);
  sigprocmask(SIG_BLOCK, &read, &before_);
  descriptor_ = signalfd(-1, &read, SFD_NONBLOCK | SFD_CLOEXEC);
  if (descriptor_ >= 0) return;
  const int error = errno;
  sigprocmask(SIG_SETMASK, &before_, nullptr);
  throw std::system_error(error, std::generic_category(), "signalfd");
}

Signals::~Signals() {
  close(descriptor_);
  sigprocmask(SIG_SETMASK, &before_, nullptr);
}

std::optional<int> Signals::next() const {
  signalfd_siginfo info;
  if (read(descriptor_, &info, sizeof info) != sizeof info) return std::nullopt;
  return static_cast<int>(info.ssi_signo);
}

void Signals::stop() {
  sigset_t before;
  sigprocmask(SIG_BLOCK, nullptr, &before);
  raise(SIGTSTP);
  unblock(SIGTSTP);
  sigprocmask(SIG_SETMASK, &before, nullptr);
}

void Signals::end_by(int signal) {
  std::signal(signal, SIG_DFL);
  raise(signal);
  unblock(signal);
  _exit(128 + signal);
}

}  // namespace holdwatch::top
