// One command at a time on a process: while this lives, others that are about the same process wait.
// By a lock on a file of the kernel's which only those may open who may trace the process; should this command be killed,
// the lock goes with it.
#pragma once

namespace holdwatch::control {

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

}  // namespace holdwatch::control
