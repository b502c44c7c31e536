// One command at a time per process: while this object exists, other commands for the same process wait.
// Locks /proc/PID/mem, which can be opened only with the right to trace the process; if this command is killed, the
// kernel releases the lock.
#pragma once

#include <chrono>

#include "symbolizer/tools/attach/refusal.h"

namespace holdwatch::attach {

// Another command is working on the process.
class OtherCommand : public Refusal {
  using Refusal::Refusal;
};

class InjectionSession {
 public:
  // Waits for its turn for so long. Throws OtherCommand if another command takes longer, or if the process has ended.
  explicit InjectionSession(int pid, std::chrono::milliseconds timeout = std::chrono::seconds{5});
  ~InjectionSession();
  InjectionSession(const InjectionSession&) = delete;
  InjectionSession& operator=(const InjectionSession&) = delete;

 private:
  int file_;
};

}  // namespace holdwatch::attach
