// See traced_thread.h.
#include "symbolizer/tools/attach/traced_thread.h"

#include <elf.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include <cerrno>
#include <cstring>
#include <ctime>

#include "shim/common/proc/thread_files.h"
#include "symbolizer/proc/monotonic_clock.h"
#include "symbolizer/proc/proc_text.h"
#include "symbolizer/tools/attach/refusal.h"
#include "symbolizer/tools/process_state.h"

namespace holdwatch::attach {
namespace {

constexpr uint64_t kSecondNs = 1'000'000'000;
constexpr uint64_t kStopTimeoutNs = kSecondNs;
constexpr uint64_t kRunTimeoutNs = 10 * kSecondNs;
constexpr size_t kVectorsSize = 64 * 1024;  // more than any processor has
constexpr int kSystemCallStop = SIGTRAP | 0x80;

// Stops and exits of traced threads are signalled by SIGCHLD, which is blocked here. An earlier one may end the wait
// too soon: the caller checks again.
void sleep_until_something_stops(uint64_t timeout_ns) {
  sigset_t wanted;
  sigemptyset(&wanted);
  sigaddset(&wanted, SIGCHLD);
  const timespec timeout{static_cast<time_t>(timeout_ns / kSecondNs), static_cast<long>(timeout_ns % kSecondNs)};
  sigtimedwait(&wanted, nullptr, &timeout);
}

__ptrace_request request_for(TracedThread::Until until) {
  return until == TracedThread::Until::signal ? PTRACE_CONT : PTRACE_SYSCALL;
}

// proc_pid_stat(5). A number that no set of processors has if there is none.
size_t last_processor(int pid, int tid) {
  constexpr int kProcessor = 39;
  const auto number = stat_number(read_text(thread_file(pid, tid, "stat")), kProcessor);
  return number ? static_cast<size_t>(*number) : CPU_SETSIZE;
}

bool is_stop_for_us(int status) {
  return status >> 16 == PTRACE_EVENT_STOP;
}

}  // namespace

FirstToRun::FirstToRun(int pid, int tid) : policy_(sched_getscheduler(0)) {
  sched_getparam(0, &parameters_);
  sched_param first{};
  first.sched_priority = sched_get_priority_min(SCHED_FIFO);
  const bool is_usual = policy_ == SCHED_OTHER || policy_ == SCHED_BATCH || policy_ == SCHED_IDLE;
  if (!is_usual || sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &first) != 0) return;
  cpu_set_t before, there;
  CPU_ZERO(&there);
  CPU_SET(last_processor(pid, tid), &there);
  if (sched_getaffinity(0, sizeof before, &before) == 0 && sched_setaffinity(0, sizeof there, &there) == 0)
    processors_ = before;
}

FirstToRun::~FirstToRun() {
  if (processors_) sched_setaffinity(0, sizeof *processors_, &*processors_);
  if (policy_ >= 0) sched_setscheduler(0, policy_, &parameters_);
}

TracedThread::TracedThread(int pid, int tid) : first_to_run_(pid, tid), pid_(pid), tid_(tid) {
  // If this command were ended half-way, the process could be watched although the command had reported that it is not.
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, &saved_mask_);
  signal(SIGCHLD, SIG_DFL);  // if it was ignored when this command was started, it would not arrive
  const bool seized = ptrace(PTRACE_SEIZE, tid_, 0, PTRACE_O_TRACESYSGOOD) == 0;
  const int error = errno;
  try {
    if (!seized) refuse_seizure(error);
    interrupted_at_ns_ = monotonic_now_ns();
    ptrace(PTRACE_INTERRUPT, tid_, 0, 0);
    wait_for_interruption();
  } catch (...) {
    gone_ |= !seized;
    let_go();
    throw;
  }
}

TracedThread::~TracedThread() {
  let_go();
}

void TracedThread::let_go() {
  if (!gone_) ptrace(PTRACE_DETACH, tid_, 0, 0);
  sigprocmask(SIG_SETMASK, &saved_mask_, nullptr);
}

void TracedThread::fail(const std::string& what) const {
  throw Refusal("thread " + std::to_string(tid_) + " of " + describe_process(pid_) + ": " + what);
}

void TracedThread::refuse_seizure(int error) const {
  const auto tracer = status_number(read_text(thread_file(pid_, tid_, "status")), "TracerPid").value_or(0);
  if (error == EPERM && tracer != 0)
    fail("it is being traced by " + describe_process(static_cast<int>(tracer)) + ": wait until that has finished");
  fail(std::string("it cannot be traced: ") + strerror(error));
}

uint64_t TracedThread::stopped_ns() const {
  return monotonic_now_ns() - interrupted_at_ns_;
}

// Returns the wait status, 0 if nothing happened in time.
int TracedThread::wait_for_stop(uint64_t timeout_ns) {
  const uint64_t until_ns = monotonic_now_ns() + timeout_ns;
  while (true) {
    int status = 0;
    const pid_t who = waitpid(tid_, &status, __WALL | WNOHANG);
    if (who == tid_ && WIFSTOPPED(status)) return status;
    if (who == tid_ || (who < 0 && errno != EINTR)) {
      gone_ = true;
      fail("it has exited; try again");
    }
    const uint64_t now_ns = monotonic_now_ns();
    if (now_ns > until_ns) return 0;
    sleep_until_something_stops(until_ns - now_ns);
  }
}

void TracedThread::wait_for_interruption() {
  const uint64_t until_ns = monotonic_now_ns() + kStopTimeoutNs;
  while (true) {
    const int status = wait_for_stop(kStopTimeoutNs);
    if (status == 0 || monotonic_now_ns() > until_ns) {
      // Detaching requires a stop; a thread that never stops (state D) stays traced until this command ends.
      gone_ = true;
      fail("it does not stop; it is in an uninterruptible wait in the kernel");
    }
    if (is_stop_for_us(status)) return;
    // A signal was pending: it is delivered as if the thread were not traced.
    ptrace(PTRACE_CONT, tid_, 0, WSTOPSIG(status));
  }
}

void TracedThread::run_to_interruption() {
  ptrace(PTRACE_INTERRUPT, tid_, 0, 0);
  ptrace(PTRACE_CONT, tid_, 0, 0);
  wait_for_interruption();
}

int TracedThread::run_on(Until until) {
  ptrace(request_for(until), tid_, 0, 0);
  return wait_on(until);
}

int TracedThread::wait_on(Until until) {
  int status = wait_for_stop(kRunTimeoutNs);
  // A signal that stops the process cannot be held back. It takes effect in the other threads; this one is needed.
  while (status != 0 && (is_stop_for_us(status) || WSTOPSIG(status) == SIGSTOP)) {
    ptrace(request_for(until), tid_, 0, is_stop_for_us(status) ? 0 : SIGSTOP);
    status = wait_for_stop(kRunTimeoutNs);
  }
  return status;
}

bool TracedThread::is_at_system_call(int status) const {
  return WSTOPSIG(status) == kSystemCallStop;
}

user_regs_struct TracedThread::registers() const {
  user_regs_struct registers{};
  if (ptrace(PTRACE_GETREGS, tid_, 0, &registers) != 0)
    fail(std::string("its registers cannot be read: ") + strerror(errno));
  return registers;
}

void TracedThread::set_registers(const user_regs_struct& registers) const {
  ptrace(PTRACE_SETREGS, tid_, 0, &registers);
}

std::vector<unsigned char> TracedThread::vectors() const {
  std::vector<unsigned char> vectors(kVectorsSize);
  iovec area{vectors.data(), vectors.size()};
  if (ptrace(PTRACE_GETREGSET, tid_, NT_X86_XSTATE, &area) != 0)
    fail(std::string("its vector registers cannot be read: ") + strerror(errno));
  vectors.resize(area.iov_len);
  return vectors;
}

void TracedThread::set_vectors(std::vector<unsigned char>& vectors) const {
  iovec area{vectors.data(), vectors.size()};
  ptrace(PTRACE_SETREGSET, tid_, NT_X86_XSTATE, &area);
}

uint64_t TracedThread::signal_mask() const {
  uint64_t mask = 0;
  if (ptrace(PTRACE_GETSIGMASK, tid_, sizeof mask, &mask) != 0)
    fail(std::string("its signal mask cannot be read: ") + strerror(errno));
  return mask;
}

void TracedThread::set_signal_mask(uint64_t mask) const {
  ptrace(PTRACE_SETSIGMASK, tid_, sizeof mask, &mask);
}

}  // namespace holdwatch::attach
