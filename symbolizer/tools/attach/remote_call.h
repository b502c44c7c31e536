// One thread of another process, stopped while this lives, to call functions of that process in it; put back exactly as
// it was afterwards. The other threads run on and notice nothing.
// From the first call on the thread has a way back of its own (return_trampoline.h), which it goes by itself should this command be
// killed. Each change of its registers is one step from one state that leads home to another.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "symbolizer/tools/attach/libc_code.h"
#include "symbolizer/tools/attach/return_trampoline.h"
#include "symbolizer/tools/attach/target.h"
#include "symbolizer/tools/attach/traced_thread.h"

namespace holdwatch::control {

class RemoteCall {
 public:
  // Throws Refusal if the thread cannot be had.
  RemoteCall(Target& target, const LibcCode& code, int tid);
  // Puts it back and lets it go.
  ~RemoteCall();
  RemoteCall(const RemoteCall&) = delete;
  RemoteCall& operator=(const RemoteCall&) = delete;

  int id() const { return thread_.id(); }
  const user_regs_struct& registers() const { return stopped_; }
  // Whether it was taken out of a system call that goes on afterwards as if nothing had been.
  bool was_in_restartable_call() const;

  // Lays its way back onto its stack. Empty, or why that cannot be done, as a phrase. Before the first call.
  std::string prepare();
  // Has the calls that follow use a stack of their own, for the thread's may be nearly full.
  void use_own_stack();
  // Calls a function with up to six integers or addresses. Throws Refusal if it does not return.
  uint64_t call(uintptr_t function, const std::vector<uint64_t>& arguments);
  // The same for a libc function by its name.
  uint64_t call(const std::string& name, const std::vector<uint64_t>& arguments);
  // Puts a text where a call's argument can point to it, on the own stack.
  uintptr_t push_text(const std::string& text);

  uint64_t stopped_ns() const { return thread_.stopped_ns(); }

 private:
  bool is_signalled() const;
  bool is_on_its_stack() const;
  bool write_return_trampoline(uintptr_t top);
  int run_to_stop();
  bool has_returned(int status);
  void block_signals();
  void give_stack_back();
  void leave_return();
  void restore();

  Target& target_;
  LibcCode code_;
  TracedThread thread_;
  user_regs_struct stopped_{};  // as the kernel left them
  SavedContext saved_context_;  // as the thread goes on by itself
  bool changed_ = false;
  bool at_return_ = false;  // stands at the rt_sigreturn that ends a call
  ReturnTrampoline trampoline_;
  uintptr_t own_stack_ = 0;  // the start of the memory that was made for calls
  uintptr_t texts_end_ = 0;  // texts lie at its lower end
  std::optional<SavedErrno> errno_;
};

}  // namespace holdwatch::control
