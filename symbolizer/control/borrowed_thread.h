// One thread of another process, stopped while this lives, to call functions of that process in it; put back exactly as
// it was afterwards. The other threads run on and notice nothing.
// By ptrace(2). Only PTRACE_SEIZE and PTRACE_INTERRUPT: neither sends a signal, so that the stop itself is invisible.
#pragma once

#include <sys/user.h>

#include <csignal>

#include <cstdint>
#include <string>
#include <vector>

#include "symbolizer/control/target.h"

namespace holdwatch::control {

class BorrowedThread {
 public:
  // Throws Refusal if the thread cannot be had.
  BorrowedThread(Target& target, int tid);
  // Puts it back and lets it go.
  ~BorrowedThread();
  BorrowedThread(const BorrowedThread&) = delete;
  BorrowedThread& operator=(const BorrowedThread&) = delete;

  int id() const { return tid_; }
  const user_regs_struct& registers() const { return saved_; }
  // Whether it was taken out of a system call that goes on afterwards as if nothing had been.
  bool was_in_restartable_call() const;

  // Calls a function with up to six integers or addresses. Throws Refusal if it does not return.
  uint64_t call(uintptr_t function, const std::vector<uint64_t>& arguments);
  // The same for a libc function by its name.
  uint64_t call(const std::string& name, const std::vector<uint64_t>& arguments);
  // Has the calls that follow use a stack of their own, for the thread's may be nearly full.
  void use_own_stack();
  // Puts a text where a call's argument can point to it.
  uintptr_t push_text(const std::string& text);

  uint64_t stopped_ns() const;

 private:
  void interrupt();
  int wait_for_stop(uint64_t patience_ns);
  void save();
  void block_signals();
  void restore();
  void give_stack_back();
  void keep_errno();
  void restart_interrupted_call(user_regs_struct& registers) const;
  [[noreturn]] void fail(const std::string& what) const;

  Target& target_;
  int tid_;
  uint64_t stopped_at_ns_ = 0;
  user_regs_struct saved_{};
  std::vector<unsigned char> vectors_;  // the floating point and vector registers, as the kernel hands them out
  uint64_t signal_mask_ = 0;
  bool signals_pending_ = false;
  bool changed_ = false;
  bool gone_ = false;
  uintptr_t stack_ = 0;      // calls use what is below
  uintptr_t own_stack_ = 0;  // the start of the memory that was made for them
  uintptr_t errno_at_ = 0;
  int errno_ = 0;
  sigset_t own_mask_{};  // of this command
};

}  // namespace holdwatch::control
