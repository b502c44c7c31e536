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

constexpr size_t kRedZone = 128;    // below the stack pointer (System V ABI, section 3.2.2)
constexpr size_t kTextsSize = 256;  // of those on the thread's own stack
constexpr size_t kRemoteStackSize = 256 * 1024;
constexpr uint64_t kDirectionFlag = 1 << 10;
constexpr uint64_t kNoCall = ~0ull;  // in place of a system call's number: none is made or restarted

uint64_t bit_of(int signal) {
  return uint64_t{1} << (signal - 1);
}

// One that the process ignores: only a tracer is told when it is sent. By default a process ignores these. 0 if it
// handles all of them.
int unnoticed_signal(const std::string& status) {
  const uint64_t caught = status_mask(status, "SigCgt").value_or(~uint64_t{0});
  for (const int signal : {SIGURG, SIGWINCH, SIGCHLD})
    if ((caught & bit_of(signal)) == 0) return signal;
  return 0;
}

std::optional<SavedErrno> errno_at(uintptr_t address, MemoryReader& memory) {
  const auto value = memory.read_value<int>(address);
  return value ? std::optional(SavedErrno{address, *value}) : std::nullopt;
}

user_regs_struct returned(user_regs_struct registers, uint64_t result) {
  registers.rax = result;
  registers.orig_rax = kNoCall;
  return registers;
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
  if (mapping == nullptr || !has_room_in_mapping(kRoom)) return false;
  return mapping->path == "[stack]" || (stopped_.fs_base > stopped_.rsp && stopped_.fs_base < mapping->end);
}

bool RemoteCall::has_room_in_mapping(size_t size) const {
  const Mapping* mapping = target_.modules().mapping(stopped_.rsp);
  return mapping != nullptr && stopped_.rsp - mapping->start >= size;
}

bool RemoteCall::has_room(size_t size) const {
  return has_room_in_mapping(stopped_.rsp - trampoline_.address + size);
}

uintptr_t RemoteCall::own_stack_top() const {
  return stopped_.rsp - kRedZone - kTextsSize;
}

std::string RemoteCall::prepare() {
  if (!is_on_its_stack()) return "on a stack that is not its own or is nearly full";
  saved_context_.registers = to_begin_again(stopped_, is_signalled(), target_.memory());
  saved_context_.vectors = thread_.vectors();
  end_signal_ = code_.raise == 0 ? 0 : unnoticed_signal(read_text(thread_file(target_.pid(), id(), "status")));
  if (code_.errno_from_thread != 0)
    errno_ = errno_at(stopped_.fs_base + static_cast<uintptr_t>(code_.errno_from_thread), target_.memory());
  texts_end_ = own_stack_top();
  return use_stack(own_stack_top()) ? "" : "on a stack that cannot be written";
}

bool RemoteCall::use_stack(uintptr_t top) {
  stack_top_ = top;
  return write_return_trampoline(top);
}

bool RemoteCall::write_return_trampoline(uintptr_t top) {
  ReturnTrampoline way = make_return_trampoline(code_, saved_context_, top, errno_, end_signal_);
  if (!target_.write(way.address, way.bytes.data(), way.bytes.size())) return false;
  trampoline_ = std::move(way);
  trampoline_top_ = top;
  trampoline_is_used_ = false;
  return true;
}

// The thread is inside raise, on a part of the trampoline that its last call has used up: the next call gets another
// one, below it or at the top again.
void RemoteCall::renew_return_trampoline() {
  constexpr size_t kRaiseStack = 1024;
  const uintptr_t below = trampoline_.address - kRaiseStack;
  if (!write_return_trampoline(trampoline_top_ == stack_top_ ? below : stack_top_))
    thread_.fail("its stack cannot be written");
}

// Signals wait until the thread is restored; those that a fault raises cannot be blocked.
void RemoteCall::block_signals() {
  const uint64_t faults = bit_of(SIGSEGV) | bit_of(SIGBUS) | bit_of(SIGILL) | bit_of(SIGFPE) | bit_of(SIGTRAP);
  thread_.set_signal_mask(~(faults | (end_signal_ == 0 ? 0 : bit_of(end_signal_))));
}

// A successful system call leaves errno unchanged; so do we. An unknown libc is asked where it is.
void RemoteCall::save_errno() {
  if (errno_) return;
  errno_ = errno_at(call("__errno_location", {}), target_.memory());
  if (!errno_) thread_.fail("its errno cannot be read");
}

void RemoteCall::use_remote_stack() {
  save_errno();
  const uint64_t address =
      call("mmap", {0, kRemoteStackSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, ~0ull, 0});
  if (address == reinterpret_cast<uintptr_t>(MAP_FAILED))
    thread_.fail("the process has no memory left" + reached_limits(target_.pid()));
  remote_stack_ = texts_end_ = address;
  if (!use_stack(remote_stack_ + kRemoteStackSize)) thread_.fail("its own memory cannot be written");
}

void RemoteCall::unmap_stack() {
  if (remote_stack_ == 0 || thread_.is_gone()) return;
  const uintptr_t start = remote_stack_;
  remote_stack_ = 0;
  if (use_stack(own_stack_top())) call("munmap", {start, kRemoteStackSize});
}

uintptr_t RemoteCall::push_text(const std::string& text) {
  return push(text.c_str(), text.size() + 1);
}

uintptr_t RemoteCall::push(const void* data, size_t size) {
  constexpr size_t kAlignment = 16;
  const uintptr_t at = texts_end_;
  texts_end_ += (size + kAlignment - 1) / kAlignment * kAlignment;
  if (remote_stack_ == 0 && texts_end_ > own_stack_top() + kTextsSize) thread_.fail("its stack has no room");
  if (!target_.write(at, data, size)) thread_.fail("its own memory cannot be written");
  return at;
}

uint64_t RemoteCall::call(uintptr_t function, const std::vector<uint64_t>& arguments) {
  if (trampoline_is_used_ && end_signal_ != 0) renew_return_trampoline();
  trampoline_is_used_ = true;
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
  at_return_ = end_signal_ == 0;
  const auto result = target_.memory().read_value<uint64_t>(trampoline_.result);
  if (!result) thread_.fail("its stack cannot be read");
  return *result;
}

int RemoteCall::run_to_stop() {
  const auto until = end_signal_ == 0 ? TracedThread::Until::system_call : TracedThread::Until::signal;
  int status = thread_.run_on(until);
  while (status == 0) {
    // Restoring the thread now would leave locked what the function has locked. So wait for it.
    fprintf(stderr,
            "holdwatch: thread %d of the process is blocked inside the loader or the allocator; waiting for it\n",
            thread_.id());
    status = thread_.wait_on(until);
  }
  return status;
}

// Whether it is at the end of the call: in raise, or at the rt_sigreturn that would restore it. The same signal may come
// from elsewhere, and the function makes system calls of its own.
bool RemoteCall::has_returned(int status) {
  if (end_signal_ != 0 && WSTOPSIG(status) == end_signal_) {
    const user_regs_struct registers = thread_.registers();
    return registers.orig_rax == SYS_tgkill && registers.rdx == static_cast<unsigned long long>(end_signal_);
  }
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
  thread_.set_registers(call_result_ ? returned(stopped_, *call_result_)
                                     : to_go_on(stopped_, is_signalled(), target_.memory()));
}

}  // namespace holdwatch::attach
