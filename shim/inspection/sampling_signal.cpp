// See sampling_signal.h.
//
// The handler is installed only from just before a signal is sent until it has arrived, so that a program that reads the
// disposition finds its own. A late signal is still on its way, and with the default disposition it would kill the
// program on arrival: so the handler stays until as many have arrived as were sent; forever, if a thread ended with one
// pending.
//
// A program that raises the same signal itself in these microseconds gets the default action from our handler. Not
// covered: one that installs a handler of its own in the time between sending and arrival gets one signal that it did
// not send. Delivery needs room below the stack pointer (some 3 KiB with AVX-512), as for any handled signal: a program
// whose coroutines have less must set SIGNAL=off.
#include "shim/inspection/sampling_signal.h"

#include <sys/syscall.h>

#include <atomic>
#include <cerrno>
#include <csignal>

#include "shim/base/libc_functions.h"
#include "shim/base/upcalls.h"
#include "shim/common/contract/settings.h"
#include "shim/common/kernel/signal_set.h"
#include "shim/common/kernel/system_call.h"

namespace holdwatch {
namespace {

constexpr int kHighestSignal = 64;
constexpr uint64_t kCookie = 0x686f6c64'00000000;  // "hold"; the lower half is the value
constexpr uint64_t kCookieMask = 0xffffffff'00000000;

struct SignalUse {
  bool taken;                     // user only: our handler was installed and not yet removed
  std::atomic<uint32_t> sent;     // written by the user; orders nothing else
  std::atomic<uint32_t> arrived;  // counted by the handler, read by the user; orders nothing else
};

constinit SignalUse g_uses[kHighestSignal + 1] = {};
int g_option = kSignalOff;  // written by signal_open

// The real-time signals that libc leaves to the program: SIGRTMIN and SIGRTMAX.
int first_signal() {
  return libc().__libc_current_sigrtmin();
}
int last_signal() {
  return libc().__libc_current_sigrtmax();
}

int current_process() {
  return static_cast<int>(system_call(SYS_getpid));
}

// A signal that we did not send should have found the default disposition: it is sent again, and is delivered when our
// handler returns and its mask is removed.
void act_as_default(int signal, siginfo_t* info) {
  struct sigaction standard {};
  standard.sa_handler = SIG_DFL;
  libc().sigaction(signal, &standard, nullptr);
  system_call(SYS_rt_tgsigqueueinfo, current_process(), system_call(SYS_gettid), signal, info);
}

void on_signal(int signal, siginfo_t* info, void* context) {
  const int saved_errno = errno;
  const uint64_t value = reinterpret_cast<uintptr_t>(info->si_value.sival_ptr);
  if (info->si_code == SI_QUEUE && (value & kCookieMask) == kCookie) {
    // First: a delivered signal no longer needs its handler.
    g_uses[signal].arrived.fetch_add(1, std::memory_order_relaxed);
    kUpcalls.sampling_signal_arrived(static_cast<uint32_t>(value), static_cast<ucontext_t*>(context));
  } else {
    act_as_default(signal, info);
  }
  errno = saved_errno;
}

bool is_ours(const struct sigaction& action) {
  return (action.sa_flags & SA_SIGINFO) != 0 && action.sa_sigaction == on_signal;
}

bool is_default(const struct sigaction& action) {
  return (action.sa_flags & SA_SIGINFO) == 0 && action.sa_handler == SIG_DFL;
}

bool is_ignored(const struct sigaction& action) {
  return (action.sa_flags & SA_SIGINFO) == 0 && action.sa_handler == SIG_IGN;
}

// Exchanges the disposition if it is as expected. Reads it first, and restores what the exchange found if the program was
// faster: there is no compare-and-swap for dispositions.
bool exchange_disposition(int signal, bool (*expected)(const struct sigaction&), const struct sigaction& wanted) {
  struct sigaction found;
  if (libc().sigaction(signal, nullptr, &found) != 0 || !expected(found)) return false;
  if (libc().sigaction(signal, &wanted, &found) != 0) return false;
  if (expected(found)) return true;
  libc().sigaction(signal, &found, nullptr);
  return false;
}

// True if our handler is installed afterwards. Called before each use: the program may use the signal itself by now.
bool reserve(int signal) {
  struct sigaction found;
  if (g_uses[signal].taken && libc().sigaction(signal, nullptr, &found) == 0 && is_ours(found)) return true;
  struct sigaction ours {};
  ours.sa_sigaction = on_signal;
  ours.sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK;
  ours.sa_mask = signal_set(kAllSignals);
  if (!exchange_disposition(signal, is_default, ours)) return false;
  g_uses[signal].taken = true;
  return true;
}

bool may_use(int signal) {
  return g_option == kSignalAuto || g_option == signal;
}

// The highest signal that is free and not blocked, with our handler installed; 0 with the reason if there is none.
int choose_signal(uint64_t blocked_signals, SamplingFailure* why) {
  *why = g_option == kSignalOff ? SamplingFailure::switched_off : SamplingFailure::no_signal_free;
  for (int signal = last_signal(); signal >= first_signal(); --signal) {
    if (!may_use(signal)) continue;
    if ((blocked_signals & signal_bit(signal)) != 0) {
      *why = SamplingFailure::thread_blocks_signal;
    } else if (reserve(signal)) {
      return signal;
    }
  }
  return 0;
}

}  // namespace

bool signal_open(int option) {
  g_option = option;
  // In a child of fork no signal is on its way: pending signals are not inherited, but the parent's handler is.
  for (SignalUse& use : g_uses) {
    use.sent.store(0, std::memory_order_relaxed);
    use.arrived.store(0, std::memory_order_relaxed);
  }
  signal_remove_handlers();
  for (int signal = first_signal(); signal <= last_signal(); ++signal) {
    struct sigaction found;
    if (may_use(signal) && libc().sigaction(signal, nullptr, &found) == 0 && is_default(found)) return true;
  }
  return false;
}

SamplingFailure signal_send(int tid, uint64_t blocked_signals, uint32_t value) {
  SamplingFailure why;
  const int signal = choose_signal(blocked_signals, &why);
  if (signal == 0) return why;
  siginfo_t info{};
  info.si_signo = signal;
  info.si_code = SI_QUEUE;
  info.si_pid = current_process();
  info.si_uid = static_cast<uid_t>(system_call(SYS_getuid));
  info.si_value.sival_ptr = reinterpret_cast<void*>(kCookie | value);
  g_uses[signal].sent.fetch_add(1, std::memory_order_relaxed);
  const long answer = system_call(SYS_rt_tgsigqueueinfo, current_process(), tid, signal, &info);
  if (answer == 0) return SamplingFailure::none;
  g_uses[signal].sent.fetch_sub(1, std::memory_order_relaxed);
  return answer == -ESRCH ? SamplingFailure::thread_gone : SamplingFailure::not_queued;
}

bool signals_under_way() {
  for (const SignalUse& use : g_uses)
    if (use.arrived.load(std::memory_order_relaxed) != use.sent.load(std::memory_order_relaxed)) return true;
  return false;
}

void signal_remove_handlers() {
  struct sigaction standard {};
  standard.sa_handler = SIG_DFL;
  for (int signal = first_signal(); signal <= last_signal(); ++signal) {
    SignalUse& use = g_uses[signal];
    if (!use.taken || use.arrived.load(std::memory_order_relaxed) != use.sent.load(std::memory_order_relaxed)) continue;
    exchange_disposition(signal, is_ours, standard);
    use.taken = false;
  }
}

bool another_signal_is_due(const ucontext_t& context) {
  uint64_t pending = 0;  // the handler blocks all signals, so those pending are all that will arrive
  system_call(SYS_rt_sigpending, &pending, sizeof pending);
  for (int signal = 1; signal <= kHighestSignal; ++signal) {
    if ((pending & signal_bit(signal)) == 0 || contains(context.uc_sigmask, signal)) continue;
    struct sigaction action;
    // libc does not show the dispositions of its own two signals, which have handlers whenever they are sent.
    const bool told = libc().sigaction(signal, nullptr, &action) == 0;
    if (!told || (!is_default(action) && !is_ignored(action))) return true;
  }
  return false;
}

}  // namespace holdwatch
