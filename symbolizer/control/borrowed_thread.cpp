// See borrowed_thread.h.
#include "symbolizer/control/borrowed_thread.h"

#include <elf.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>

#include "symbolizer/control/proc_text.h"
#include "symbolizer/control/refusal.h"

namespace holdwatch::control {
namespace {

constexpr uint64_t kSecondNs = 1'000'000'000;
constexpr uint64_t kStopPatienceNs = kSecondNs;
constexpr uint64_t kCallPatienceNs = 10 * kSecondNs;
constexpr size_t kRedZone = 128;  // below the stack pointer (System V ABI, section 3.2.2)
constexpr size_t kOwnStackSize = 256 * 1024;
constexpr size_t kVectorsSize = 64 * 1024;  // more than any processor has
constexpr uint64_t kDirectionFlag = 1 << 10;

// What the kernel leaves in rax for a call that it means to make again (include/linux/errno.h): never seen by a program.
constexpr long kRestartAlways = -512, kRestartNoInterrupt = -513, kRestartNoHandler = -514, kRestartBlock = -516;

uint64_t monotonic_now_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * kSecondNs + static_cast<uint64_t>(now.tv_nsec);
}

void sleep_briefly() {
  const timespec pause{0, 100'000};
  nanosleep(&pause, nullptr);
}

uint64_t bit_of(int signal) {
  return uint64_t{1} << (signal - 1);
}

// The calls that the kernel ends with EINTR at any interruption, even where no signal is handled, and that have done
// nothing by then: made again, they go on waiting.
bool can_be_made_again(long number) {
  static constexpr long kCalls[] = {SYS_epoll_wait, SYS_epoll_pwait, SYS_rt_sigtimedwait, SYS_semop,
                                    SYS_semtimedop, SYS_accept,      SYS_accept4,         SYS_recvfrom,
                                    SYS_recvmsg,    SYS_read,        SYS_sendto,          SYS_sendmsg,
                                    SYS_write,      SYS_epoll_pwait2};
  return std::find(std::begin(kCalls), std::end(kCalls), number) != std::end(kCalls);
}

}  // namespace

BorrowedThread::BorrowedThread(Target& target, int tid) : target_(target), tid_(tid) {
  // Ended half-way, this command would leave the thread in the middle of somebody else's call.
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, &own_mask_);
  const bool seized = ptrace(PTRACE_SEIZE, tid_, 0, 0) == 0;
  const int error = errno;
  try {
    if (!seized) fail(std::string("it cannot be traced: ") + strerror(error));
    interrupt();
  } catch (...) {
    if (seized && !gone_) ptrace(PTRACE_DETACH, tid_, 0, 0);
    sigprocmask(SIG_SETMASK, &own_mask_, nullptr);
    throw;
  }
}

BorrowedThread::~BorrowedThread() {
  try {
    give_stack_back();
  } catch (const Refusal&) {
    // It has ended, or goes on with a little more memory.
  }
  if (!gone_) {
    restore();
    ptrace(PTRACE_DETACH, tid_, 0, 0);
  }
  sigprocmask(SIG_SETMASK, &own_mask_, nullptr);
}

void BorrowedThread::fail(const std::string& what) const {
  throw Refusal("thread " + std::to_string(tid_) + " of " + describe_process(target_.pid()) + ": " + what);
}

void BorrowedThread::interrupt() {
  ptrace(PTRACE_INTERRUPT, tid_, 0, 0);
  const uint64_t until_ns = monotonic_now_ns() + kStopPatienceNs;
  while (true) {
    const int status = wait_for_stop(kStopPatienceNs);
    if (status == 0 || monotonic_now_ns() > until_ns) {
      // Detaching needs a stop; a thread that never stops (state D) keeps its tracer until this command ends.
      gone_ = true;
      fail("it does not stop; the kernel keeps it in an uninterruptible wait");
    }
    if (status >> 16 == PTRACE_EVENT_STOP) break;
    // A signal was on its way: it is delivered as if nobody had looked.
    ptrace(PTRACE_CONT, tid_, 0, WSTOPSIG(status));
  }
  stopped_at_ns_ = monotonic_now_ns();
  save();
}

// The wait status, 0 if nothing came in time.
int BorrowedThread::wait_for_stop(uint64_t patience_ns) {
  const uint64_t until_ns = monotonic_now_ns() + patience_ns;
  while (true) {
    int status = 0;
    const pid_t who = waitpid(tid_, &status, __WALL | WNOHANG);
    if (who == tid_ && WIFSTOPPED(status)) return status;
    if (who == tid_ || (who < 0 && errno != EINTR)) {
      gone_ = true;
      fail("it has ended");
    }
    if (monotonic_now_ns() > until_ns) return 0;
    sleep_briefly();
  }
}

void BorrowedThread::save() {
  vectors_.resize(kVectorsSize);
  iovec area{vectors_.data(), vectors_.size()};
  const bool known = ptrace(PTRACE_GETREGS, tid_, 0, &saved_) == 0 &&
                     ptrace(PTRACE_GETREGSET, tid_, NT_X86_XSTATE, &area) == 0 &&
                     ptrace(PTRACE_GETSIGMASK, tid_, sizeof signal_mask_, &signal_mask_) == 0;
  if (!known) fail(std::string("its registers cannot be read: ") + strerror(errno));
  vectors_.resize(area.iov_len);
  stack_ = saved_.rsp - kRedZone;
  const std::string status = read_text(thread_file(target_.pid(), tid_, "status"));
  const uint64_t pending = status_mask(status, "SigPnd") | status_mask(status, "ShdPnd");
  signals_pending_ = (pending & ~signal_mask_ & ~status_mask(status, "SigIgn")) != 0;
}

bool BorrowedThread::was_in_restartable_call() const {
  const auto number = static_cast<long>(saved_.orig_rax);
  if (number < 0) return false;
  const auto result = static_cast<long>(saved_.rax);
  const bool by_kernel = result == kRestartAlways || result == kRestartNoInterrupt || result == kRestartNoHandler ||
                         result == kRestartBlock;
  return by_kernel || (result == -EINTR && can_be_made_again(number));
}

// Where the interruption made the kernel end the call with EINTR, although no signal asked for that, it is made again. Its
// timeout begins anew.
void BorrowedThread::restart_interrupted_call(user_regs_struct& registers) const {
  const auto number = static_cast<long>(registers.orig_rax);
  if (number < 0 || static_cast<long>(registers.rax) != -EINTR || signals_pending_ || !can_be_made_again(number))
    return;
  constexpr size_t kInstructionSize = 2;
  const auto code = target_.memory().read_value<uint16_t>(registers.rip - kInstructionSize);
  if (!code || *code != 0x050f) return;  // syscall
  registers.rip -= kInstructionSize;
  registers.rax = registers.orig_rax;
  registers.orig_rax = ~0ull;
}

void BorrowedThread::restore() {
  user_regs_struct registers = saved_;
  restart_interrupted_call(registers);
  if (changed_) {
    iovec area{vectors_.data(), vectors_.size()};
    ptrace(PTRACE_SETREGSET, tid_, NT_X86_XSTATE, &area);
    ptrace(PTRACE_SETSIGMASK, tid_, sizeof signal_mask_, &signal_mask_);
  }
  ptrace(PTRACE_SETREGS, tid_, 0, &registers);
}

// Signals wait until the thread is itself again; those that a fault raises cannot be held back.
void BorrowedThread::block_signals() {
  const uint64_t faults = bit_of(SIGSEGV) | bit_of(SIGBUS) | bit_of(SIGILL) | bit_of(SIGFPE) | bit_of(SIGTRAP);
  const uint64_t mask = ~faults;
  ptrace(PTRACE_SETSIGMASK, tid_, sizeof mask, &mask);
}

// A system call that has gone well leaves errno as it was; so do we.
void BorrowedThread::keep_errno() {
  errno_at_ = call("__errno_location", {});
  target_.memory().read(errno_at_, &errno_, sizeof errno_);
}

void BorrowedThread::use_own_stack() {
  keep_errno();
  const uint64_t address =
      call("mmap", {0, kOwnStackSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, ~0ull, 0});
  if (address == reinterpret_cast<uintptr_t>(MAP_FAILED)) fail("the process has no memory left");
  own_stack_ = address;
  stack_ = own_stack_ + kOwnStackSize;
}

void BorrowedThread::give_stack_back() {
  if (own_stack_ == 0 || gone_) return;
  const uintptr_t start = own_stack_;
  own_stack_ = 0;
  stack_ = saved_.rsp - kRedZone;
  call("munmap", {start, kOwnStackSize});
  target_.write(errno_at_, &errno_, sizeof errno_);
}

uintptr_t BorrowedThread::push_text(const std::string& text) {
  stack_ = (stack_ - text.size() - 1) & ~uintptr_t{15};
  if (!target_.write(stack_, text.c_str(), text.size() + 1)) fail("its stack cannot be written to");
  return stack_;
}

uint64_t BorrowedThread::call(uintptr_t function, const std::vector<uint64_t>& arguments) {
  user_regs_struct registers = saved_;
  unsigned long long* const places[] = {&registers.rdi, &registers.rsi, &registers.rdx,
                                        &registers.rcx, &registers.r8,  &registers.r9};
  for (size_t i = 0; i < arguments.size(); ++i) *places[i] = arguments[i];
  // Returning to address 0 faults, and the fault comes to us instead of to the program.
  const uint64_t return_address = 0;
  registers.rsp = (stack_ & ~uintptr_t{15}) - sizeof return_address;
  if (!target_.write(registers.rsp, &return_address, sizeof return_address)) fail("its stack cannot be written to");
  registers.rip = function;
  registers.rax = 0;
  registers.orig_rax = ~0ull;  // or the kernel would make the interrupted call again, in the function's place
  registers.eflags &= ~kDirectionFlag;
  if (!changed_) block_signals();
  changed_ = true;
  ptrace(PTRACE_SETREGS, tid_, 0, &registers);
  while (true) {
    ptrace(PTRACE_CONT, tid_, 0, 0);
    int status = 0;
    while ((status = wait_for_stop(kCallPatienceNs)) == 0) {
      // Taking it back now would leave behind whatever the function has locked. So it is waited for.
      fprintf(
          stderr,
          "holdwatch: thread %d of the process waits inside the loader or the allocator; do not stop this command\n",
          tid_);
    }
    ptrace(PTRACE_GETREGS, tid_, 0, &registers);
    const bool faulted = WSTOPSIG(status) == SIGSEGV && status >> 16 == 0;
    if (faulted && registers.rip == return_address) return registers.rax;
    if (status >> 16 == 0 && WSTOPSIG(status) != SIGSTOP)
      fail(std::string("what was called in it raised ") + strsignal(WSTOPSIG(status)) + "; it goes on as before");
  }
}

uint64_t BorrowedThread::call(const std::string& name, const std::vector<uint64_t>& arguments) {
  const uintptr_t function = target_.libc_function(name);
  if (function == 0) fail("its libc has no " + name);
  return call(function, arguments);
}

uint64_t BorrowedThread::stopped_ns() const {
  return monotonic_now_ns() - stopped_at_ns_;
}

}  // namespace holdwatch::control
