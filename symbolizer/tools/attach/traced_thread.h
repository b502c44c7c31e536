// A thread of another process that is stopped and let run by ptrace(2), and nothing else: what is done with it is
// borrowed_thread.h.
// Only PTRACE_SEIZE and PTRACE_INTERRUPT: neither sends a signal, so that the stop itself is invisible. Should this command
// end at any time, the thread runs on from where it stands, with the registers that it has then.
#pragma once

#include <sys/user.h>

#include <csignal>
#include <cstdint>
#include <string>
#include <vector>

namespace holdwatch::control {

class TracedThread {
 public:
  // Stops it. Throws Refusal if it cannot be had.
  TracedThread(int pid, int tid);
  // Lets it go.
  ~TracedThread();
  TracedThread(const TracedThread&) = delete;
  TracedThread& operator=(const TracedThread&) = delete;

  int pid() const { return pid_; }
  int id() const { return tid_; }
  bool is_gone() const { return gone_; }
  uint64_t stopped_ns() const;

  user_regs_struct registers() const;
  void set_registers(const user_regs_struct& registers) const;
  // Floating point and vector registers, as the kernel hands them out.
  std::vector<unsigned char> vectors() const;
  void set_vectors(std::vector<unsigned char>& vectors) const;
  uint64_t signal_mask() const;
  void set_signal_mask(uint64_t mask) const;

  // Lets it run until it stops again: at a system call, or before a signal. The wait status, 0 if that takes very long:
  // then wait_on waits as long again.
  int run_on();
  int wait_on();
  bool is_at_system_call(int status) const;
  // Lets it run until it stands where a signal would be delivered: there the kernel makes an interrupted call again.
  void run_to_interruption();

  // Throws Refusal, with what went wrong in which thread.
  [[noreturn]] void fail(const std::string& what) const;

 private:
  [[noreturn]] void refuse_seizure(int error) const;
  void let_go();
  void wait_for_interruption();
  int wait_for_stop(uint64_t timeout_ns);

  int pid_, tid_;
  bool gone_ = false;
  uint64_t stopped_at_ns_ = 0;
  sigset_t own_mask_{};  // of this command
};

}  // namespace holdwatch::control
