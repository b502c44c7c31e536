// A thread of another process that is stopped and continued with ptrace(2), and nothing else: what is done in it is in
// remote_call.h.
// Uses only PTRACE_SEIZE and PTRACE_INTERRUPT: neither sends a signal, so that the stop itself is invisible. If this
// command ends at any time, the thread continues from where it is, with the registers that it has then.
#pragma once

#include <sched.h>
#include <sys/user.h>

#include <csignal>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace holdwatch::attach {

// While one exists, the command comes before all usual work, if it may (root, CAP_SYS_NICE): where the processors are
// busy, the thread would stand until the command gets to run after each stop. It also moves to the processor on which
// the thread has run last: there the thread gets to run as soon as the command sleeps, where on another one it would
// wait until the time slices of others are over.
class FirstToRun {
 public:
  FirstToRun(int pid, int tid);
  ~FirstToRun();
  FirstToRun(const FirstToRun&) = delete;
  FirstToRun& operator=(const FirstToRun&) = delete;

 private:
  int policy_;
  sched_param parameters_{};
  std::optional<cpu_set_t> processors_;  // on which it ran before
};

class TracedThread {
 public:
  // What it runs to. Before a signal it stops in any case.
  enum class Until { signal, system_call };

  // Stops it. Throws Refusal if that is not possible.
  TracedThread(int pid, int tid);
  // Detaches from it, so that it runs.
  ~TracedThread();
  TracedThread(const TracedThread&) = delete;
  TracedThread& operator=(const TracedThread&) = delete;

  int pid() const { return pid_; }
  int id() const { return tid_; }
  bool is_gone() const { return gone_; }
  // Since it was asked to stop: a little longer than it stands.
  uint64_t stopped_ns() const;

  user_regs_struct registers() const;
  void set_registers(const user_regs_struct& registers) const;
  // Floating point and vector registers, as the kernel returns them.
  std::vector<unsigned char> vectors() const;
  void set_vectors(std::vector<unsigned char>& vectors) const;
  uint64_t signal_mask() const;
  void set_signal_mask(uint64_t mask) const;

  // Lets it run until it stops again. Returns the wait status, 0 if that takes very long: then wait_on waits as long
  // again.
  int run_on(Until until);
  int wait_on(Until until);
  bool is_at_system_call(int status) const;
  // Lets it run until it is where a signal would be delivered: there the kernel restarts an interrupted call.
  void run_to_interruption();

  // Throws Refusal, with what went wrong in which thread.
  [[noreturn]] void fail(const std::string& what) const;

 private:
  [[noreturn]] void refuse_seizure(int error) const;
  void let_go();
  void wait_for_interruption();
  int wait_for_stop(uint64_t timeout_ns);

  FirstToRun first_to_run_;
  int pid_, tid_;
  bool gone_ = false;
  uint64_t interrupted_at_ns_ = 0;
  sigset_t saved_mask_{};  // of this command
};

}  // namespace holdwatch::attach
