// See injection_session.h.
#include "symbolizer/tools/attach/injection_session.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <string>
#include <thread>

#include "symbolizer/tools/attach/checks.h"
#include "symbolizer/tools/process_state.h"

namespace holdwatch::attach {
namespace {

constexpr std::chrono::milliseconds kLookAgain{5};

}  // namespace

InjectionSession::InjectionSession(int pid, std::chrono::milliseconds timeout) : file_(open_memory(pid)) {
  const auto until = std::chrono::steady_clock::now() + timeout;
  while (flock(file_, LOCK_EX | LOCK_NB) != 0) {
    // A kernel or security module may not support locks on such files: then users must avoid running two commands at
    // once.
    if (errno != EWOULDBLOCK && errno != EINTR) return;
    if (std::chrono::steady_clock::now() >= until || has_ended(pid)) {
      close(file_);
      throw OtherCommand("another holdwatch command is working on " + describe_process(pid) +
                         ": wait until that has finished, or stop it");
    }
    std::this_thread::sleep_for(kLookAgain);
  }
}

InjectionSession::~InjectionSession() {
  close(file_);
}

}  // namespace holdwatch::attach
