// One command at a time per process: while this object exists, other commands for the same process wait.
// Locks /proc/PID/mem, which can be opened only with the right to trace the process; if this command is killed, the
// kernel releases the lock.
#pragma once

namespace holdwatch::attach {

class InjectionSession {
 public:
  // Waits for its turn for some seconds. Throws Refusal if another command takes longer, or if the process has ended.
  explicit InjectionSession(int pid);
  ~InjectionSession();
  InjectionSession(const InjectionSession&) = delete;
  InjectionSession& operator=(const InjectionSession&) = delete;

 private:
  int file_;
};

}  // namespace holdwatch::attach
