// One thread of another process, stopped while this object exists, to call functions of that process in it; afterwards
// its state is restored exactly. The other threads keep running and notice nothing.
// From the first call on, the thread's stack contains a return trampoline (return_trampoline.h), by which the thread
// restores itself if this command is killed. Each change of its registers is one step between states from which it can
// do so.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "symbolizer/tools/attach/libc_code.h"
#include "symbolizer/tools/attach/return_trampoline.h"
#include "symbolizer/tools/attach/target.h"
#include "symbolizer/tools/attach/traced_thread.h"

namespace holdwatch::attach {

class RemoteCall {
 public:
  // Throws Refusal if the thread cannot be stopped.
  RemoteCall(AttachTarget& target, const LibcCode& code, int tid);
  // Restores the thread and lets it run.
  ~RemoteCall();
  RemoteCall(const RemoteCall&) = delete;
  RemoteCall& operator=(const RemoteCall&) = delete;

  int id() const { return thread_.id(); }
  const user_regs_struct& registers() const { return stopped_; }
  // Whether it was stopped in a system call that continues afterwards as if nothing had happened.
  bool was_in_restartable_call() const;

  // Writes the return trampoline to its stack. Returns an empty text, or why that is not possible, as a phrase. Before
  // the first call.
  std::string prepare();
  // Whether a call has that much of the thread's own stack, in addition to what it needs to return.
  bool has_room(size_t size) const;
  // Makes the following calls use a stack of their own, because the thread's may be nearly full.
  void use_remote_stack();
  // Calls a function with up to six integers or addresses. Throws Refusal if it does not return.
  uint64_t call(uintptr_t function, const std::vector<uint64_t>& arguments);
  // The same for a libc function, by its name.
  uint64_t call(const std::string& name, const std::vector<uint64_t>& arguments);
  // Stores a text, or other data, for an argument to point to: on the calls' own stack, or, of a few words, on the
  // thread's.
  uintptr_t push_text(const std::string& text);
  uintptr_t push(const void* data, size_t size);

  // For a thread that was started for this: the system call that it is in is over when the thread is given back.
  void end_its_call(uint64_t result) { call_result_ = result; }

  // Gives the thread back what it had; the destructor, which does the same if this was not called, lets it run.
  void restore();

  uint64_t stopped_ns() const { return thread_.stopped_ns(); }

 private:
  bool is_signalled() const;
  bool is_on_its_stack() const;
  bool has_room_in_mapping(size_t size) const;
  uintptr_t own_stack_top() const;
  void save_errno();
  bool use_stack(uintptr_t top);
  bool write_return_trampoline(uintptr_t top);
  void renew_return_trampoline();
  int run_to_stop();
  bool has_returned(int status);
  void block_signals();
  void unmap_stack();
  void leave_return();
  void restore_state();

  AttachTarget& target_;
  LibcCode code_;
  TracedThread thread_;
  user_regs_struct stopped_{};  // as they were when the kernel stopped it
  SavedContext saved_context_;  // with which the thread continues if it restores itself
  bool changed_ = false;
  bool restored_ = false;
  bool at_return_ = false;  // is at the rt_sigreturn that ends a call
  // What the thread sends itself at the end of a call, 0 if the process might notice any signal: then the thread is
  // stopped at each system call.
  int end_signal_ = 0;
  ReturnTrampoline trampoline_;
  uintptr_t trampoline_top_ = 0, stack_top_ = 0;
  bool trampoline_is_used_ = false;
  uintptr_t remote_stack_ = 0;  // the start of the memory allocated for calls
  uintptr_t texts_end_ = 0;     // texts lie at its lower end, or above the trampoline
  std::optional<SavedErrno> errno_;
  std::optional<uint64_t> call_result_;
};

}  // namespace holdwatch::attach
