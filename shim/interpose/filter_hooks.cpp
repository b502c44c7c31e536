// See filter_hooks.h.
#include "shim/interpose/filter_hooks.h"

#include <sys/prctl.h>
#include <sys/syscall.h>

#include <algorithm>

#include "shim/base/upcalls.h"
#include "shim/common/kernel/seccomp_filter.h"
#include "shim/interpose/real_functions.h"
#include "shim/own_threads/seccomp_state.h"

namespace holdwatch {

namespace {

// The program's memory, which it is about to hand to the kernel.
bool may_kill(const sock_fprog* program) {
  if (program == nullptr || program->filter == nullptr) return false;  // the kernel will refuse it
  return !std::all_of(program->filter, program->filter + program->len, is_harmless);
}

bool sets_filter(long mode, long program) {
  if (mode == SECCOMP_MODE_STRICT) return true;
  return mode == SECCOMP_MODE_FILTER && may_kill(reinterpret_cast<const sock_fprog*>(program));
}

FilterScope scope_of(long number, const long (&arguments)[6]) {
  const bool for_all =
      number == SYS_seccomp && (static_cast<unsigned long>(arguments[1]) & SECCOMP_FILTER_FLAG_TSYNC) != 0;
  return for_all ? FilterScope::all_threads : FilterScope::calling_thread;
}

// A descriptor, or 0. If not all threads can be synchronized, the result is the id of one that cannot, and nothing was installed.
bool was_installed(long result, long number, const long (&arguments)[6]) {
  if (result == 0) return true;
  return result > 0 && number == SYS_seccomp &&
         (static_cast<unsigned long>(arguments[1]) & SECCOMP_FILTER_FLAG_NEW_LISTENER) != 0;
}

template <typename Call>
auto install_filter(long number, const long (&arguments)[6], Call call) {
  if (!installs_killing_filter(number, arguments)) return call();
  const FilterScope scope = scope_of(number, arguments);
  if (!kUpcalls.before_filter(scope)) return call();
  const auto result = call();
  if (!was_installed(result, number, arguments)) expect_no_filter(scope);
  return result;
}

}  // namespace

bool installs_killing_filter(long number, const long (&arguments)[6]) {
  if (number == SYS_prctl) return arguments[0] == PR_SET_SECCOMP && sets_filter(arguments[1], arguments[2]);
  if (number != SYS_seccomp) return false;
  if (arguments[0] == SECCOMP_SET_MODE_STRICT) return sets_filter(SECCOMP_MODE_STRICT, 0);
  return arguments[0] == SECCOMP_SET_MODE_FILTER && sets_filter(SECCOMP_MODE_FILTER, arguments[2]);
}

int prctl_slow(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d) {
  const auto call = [=] { return g_real.prctl(option, a, b, c, d); };
  const long arguments[6] = {option, static_cast<long>(a), static_cast<long>(b), 0, 0, 0};
  return install_filter(SYS_prctl, arguments, call);
}

long syscall_slow(long number, long a, long b, long c, long d, long e) {
  const auto call = [=] { return g_real.syscall(number, a, b, c, d, e, 0); };
  const long arguments[6] = {a, b, c, d, e, 0};
  return install_filter(number, arguments, call);
}

}  // namespace holdwatch
