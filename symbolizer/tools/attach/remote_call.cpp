// See remote_call.h.
#include "symbolizer/tools/attach/remote_call.h"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <csignal>
#include <cstring>

#include "shim/common/proc/thread_files.h"
#include "symbolizer/proc/proc_text.h"
#include "symbolizer/tools/attach/refusal.h"
#include "symbolizer/tools/attach/resource_limits.h"
#include "symbolizer/tools/attach/restart.h"

namespace holdwatch::attach {
namespace {

constexpr size_t kRedZone = 128;  // below the stack pointer (System V ABI, section 3.2.2)
constexpr size_t kRemoteStackSize = 256 * 1024;
constexpr uint64_t kDirectionFlag = 1 << 10;
constexpr uint64_t kNoCall = ~0ull;  // in place of a system call's number: none is made or restarted

uint64_t bit_of(int signal) {
  return uint64_t{1} << (signal - 1);
}

}  // namespace

RemoteCall::RemoteCall(AttachTarget& target, const LibcCode& code, int tid)
    : target_(target), code_(code), thread_(target.pid(), tid), stopped_(thread_.registers()) {
  saved_context_.signal_mask = thread_.signal_mask();
  // Done first: if this command is killed before it has done anything, a call that the stop interrupted still
  // continues.
  thread_.set_registers(to_go_on(stopped_, is_signalled(), target_.memory()));
}

RemoteCall::~RemoteCall() {
  restore();
}

void RemoteCall::restore() {
  if (restored_) return;
  restored_ = true;
  try {
    unmap_stack();
  } catch (const Refusal&) {
    // It has ended, or keeps the memory of the calls' stack.
  }
  try {
    if (!thread_.is_gone()) restore_state();
  } catch (const Refusal&) {
    // It has ended, or restores itself.
  }
}

// Whether a signal is pending for it that it does not ignore: such a signal ends the call that the thread was in.
bool RemoteCall::is_signalled() const {
  const std::string status = read_text(thread_file(target_.pid(), id(), "status"));
  return (pending_signals(status) & ~saved_context_.signal_mask & ~status_mask(status, "SigIgn").value_or(0)) != 0;
}

bool RemoteCall::was_in_restartable_call() const {
  return can_go_on(stopped_);
}

// Whether its stack is the main thread's, or one with libc's data of the thread at its upper end, with enough room
// below. A coroutine's or a signal handler's stack may be part of other memory, and end anywhere.
bool RemoteCall::is_on_its_stack() const {
  constexpr size_t kRoom = 8192;
  const Mapping* mapping = target_.modules().mapping(stopped_.rsp);
  if (mapping == nullptr || stopped_.rsp - mapping->start < kRoom) return false;
  return mapping->path == "[stack]" || (stopped_.fs_base > stopped_.rsp && stopped_.fs_base < mapping->end);
}

std::string RemoteCall::prepare() {
  if (!is_on_its_stack()) return "on a stack that is not its own or is nearly full";
  saved_context_.registers = to_begin_again(stopped_, is_signalled(), target_.memory());
  saved_context_.vectors = thread_.vectors();
  return write_return_trampoline(stopped_.rsp - kRedZone) ? "" : "on a stack that cannot be written";
}

// The trampoline in which the thread is now stays intact: its end is the same in another one with the same top.
bool RemoteCall::write_return_trampoline(uintptr_t top) {
  ReturnTrampoline way = make_return_trampoline(code_, saved_context_, top, errno_);
  if (!target_.write(way.address, way.bytes.data(), way.bytes.size())) return false;
  trampoline_ = std::move(way);
  return true;
}

// Signals wait until the thread is restored; those that a fault raises cannot be blocked.
void RemoteCall::block_signals() {
  const uint64_t faults = bit_of(SIGSEGV) | bit_of(SIGBUS) | bit_of(SIGILL) | bit_of(SIGFPE) | bit_of(SIGTRAP);
  thread_.set_signal_mask(~faults);
}

// A successful system call leaves errno unchanged; so do we.
void RemoteCall::use_remote_stack() {
  SavedErrno saved{call("__errno_location", {}), 0};
  if (target_.memory().read(saved.address, &saved.value, sizeof saved.value) != sizeof saved.value)
    thread_.fail("its errno cannot be read");
  errno_ = saved;
  if (!write_return_trampoline(stopped_.rsp - kRedZone)) thread_.fail("its stack cannot be written");
  const uint64_t address =
      call("mmap", {0, kRemoteStackSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, ~0ull, 0});
  if (address == reinterpret_cast<uintptr_t>(MAP_FAILED))
    thread_.fail("the process has no memory left" + reached_limits(target_.pid()));
  remote_stack_ = texts_end_ = address;
  if (!write_return_trampoline(remote_stack_ + kRemoteStackSize)) thread_.fail("its own memory cannot be written");
}

void RemoteCall::unmap_stack() {
  if (remote_stack_ == 0 || thread_.is_gone()) return;
  const uintptr_t start = remote_stack_;
  remote_stack_ = 0;
  if (write_return_trampoline(stopped_.rsp - kRedZone)) call("munmap", {start, kRemoteStackSize});
}

uintptr_t RemoteCall::push_text(const std::string& text) {
  const uintptr_t at = texts_end_;
  texts_end_ += text.size() + 1;
  if (!target_.write(at, text.c_str(), text.size() + 1)) thread_.fail("its own memory cannot be written");
  return at;
}

uint64_t RemoteCall::call(uintptr_t function, const std::vector<uint64_t>& arguments) {
  user_regs_struct registers = stopped_;
  unsigned long long* const places[] = {&registers.rdi, &registers.rsi, &registers.rdx,
                                        &registers.rcx, &registers.r8,  &registers.r9};
  for (size_t i = 0; i < arguments.size(); ++i) *places[i] = arguments[i];
  registers.rsp = trampoline_.call;
  registers.rip = function;
  registers.rax = 0;
  registers.orig_rax = kNoCall;
  registers.eflags &= ~kDirectionFlag;
  thread_.set_registers(registers);
  // In this order: if signals were blocked first, they would stay blocked if this command were killed at that moment.
  if (!changed_) block_signals();
  changed_ = true;
  at_return_ = false;
  while (!has_returned(run_to_stop())) continue;
  at_return_ = true;
  const auto result = target_.memory().read_value<uint64_t>(trampoline_.result);
  if (!result) thread_.fail("its stack cannot be read");
  return *result;
}

int RemoteCall::run_to_stop() {
  int status = thread_.run_on();
  while (status == 0) {
    // Restoring the thread now would leave locked what the function has locked. So wait for it.
    fprintf(stderr,
            "holdwatch: thread %d of the process is blocked inside the loader or the allocator; waiting for it\n",
            thread_.id());
    status = thread_.wait_on();
  }
  return status;
}

// Whether it is at the rt_sigreturn that would restore it, and not at a system call of the function.
bool RemoteCall::has_returned(int status) {
  if (!thread_.is_at_system_call(status))
    thread_.fail(std::string("the call made in it raised ") + strsignal(WSTOPSIG(status)) + "; it continues as before");
  const user_regs_struct registers = thread_.registers();
  return registers.orig_rax == SYS_rt_sigreturn && registers.rsp == trampoline_.end;
}

uint64_t RemoteCall::call(const std::string& name, const std::vector<uint64_t>& arguments) {
  const uintptr_t function = target_.libc_function(name);
  if (function == 0) thread_.fail("its libc lacks " + name);
  return call(function, arguments);
}

// Moves it from the rt_sigreturn, which is not made, to a place where the kernel restarts the interrupted call; in
// between it is again at that rt_sigreturn.
void RemoteCall::leave_return() {
  if (!at_return_) return;
  user_regs_struct registers = thread_.registers();
  registers.rip = code_.restorer;
  registers.orig_rax = kNoCall;
  thread_.set_registers(registers);
  at_return_ = false;
  thread_.run_to_interruption();
}

// The registers are restored last: until then the trampoline can still restore the thread, whatever has been restored
// already.
void RemoteCall::restore_state() {
  if (errno_) target_.write(errno_->address, &errno_->value, sizeof errno_->value);
  leave_return();
  if (changed_) {
    thread_.set_vectors(saved_context_.vectors);
    thread_.set_signal_mask(saved_context_.signal_mask);
  }
  thread_.set_registers(to_go_on(stopped_, is_signalled(), target_.memory()));
}

}  // namespace holdwatch::attach
