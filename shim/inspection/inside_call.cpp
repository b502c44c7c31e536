// See inside_call.h.
#include "shim/inspection/inside_call.h"

#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstddef>

#include "shim/base/libc_functions.h"
#include "shim/common/glibc/lock_fields.h"
#include "shim/common/kernel/system_call.h"
#include "shim/inspection/blocked_thread.h"
#include "shim/inspection/capture.h"
#include "shim/inspection/local_memory.h"
#include "shim/inspection/task_files.h"
#include "shim/own_threads/seccomp_state.h"

namespace holdwatch {
namespace {

constexpr size_t kSearched = 64 * 1024;  // bytes of stack above the wait that are searched for the signal's frame
constexpr size_t kPiece = 4096;

// What the kernel keeps of a signal's disposition on x86-64 (arch/x86/include/uapi/asm/signal.h).
struct KernelAction {
  uintptr_t handler;
  unsigned long flags;
  uintptr_t restorer;
  uint64_t mask;
};

// Where handlers return to: libc's code of a few instructions, the same for all signals. 0: no handler is installed.
uintptr_t signal_restorer() {
  constexpr int kSignals = 64;
  for (int signal = 1; signal <= kSignals; ++signal) {
    KernelAction action{};
    if (system_call(SYS_rt_sigaction, signal, nullptr, &action, sizeof action.mask) == 0 && action.restorer != 0 &&
        action.handler > 1)
      return action.restorer;
  }
  return 0;
}

// Lock functions are in libc, before glibc 2.34 in libpthread; the hooks that call them are ours.
bool is_lock_code(uintptr_t pc) {
  const auto is_beside = [pc](auto* function) {
    return mapped_around(reinterpret_cast<uintptr_t>(function), MappedAs::code).contains(pc);
  };
  return is_beside(libc().pthread_mutex_lock) || is_beside(&is_inside_call_on);
}

bool is_interrupted_call(uintptr_t frame, uintptr_t restorer, LockWord lock) {
  ucontext_t context;
  const size_t wanted = offsetof(ucontext_t, uc_mcontext) + sizeof context.uc_mcontext.gregs;
  if (read_local_memory(frame + sizeof restorer, &context, wanted) < wanted) return false;
  const auto& registers = context.uc_mcontext.gregs;
  constexpr int kOnes[] = {REG_RDI, REG_RSI, REG_RBX, REG_RBP, REG_RDX, REG_RCX, REG_RAX, REG_R8,
                           REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};
  // A register may hold the address of one of the lock's fields.
  const bool has_lock = std::any_of(std::begin(kOnes), std::end(kOnes), [&](int one) {
    return static_cast<uintptr_t>(registers[one]) - lock.address() < size_of_lock(lock.kind());
  });
  return has_lock && is_lock_code(static_cast<uintptr_t>(registers[REG_RIP]));
}

// Whether `is_it(address, word)` is true of a word of the stack from `sp` on.
template <typename IsIt>
bool any_word_above(uintptr_t sp, IsIt is_it) {
  uintptr_t words[kPiece / sizeof(uintptr_t)];
  for (size_t done = 0; done < kSearched; done += kPiece) {
    const size_t count = read_local_memory(sp + done, words, sizeof words) / sizeof words[0];
    for (size_t i = 0; i < count; ++i)
      if (is_it(sp + done + i * sizeof words[0], words[i])) return true;
    if (count < std::size(words)) break;
  }
  return false;
}

// Of the handler's lock call, or below. It need not sleep: glibc's rwlocks spin until the interrupted call takes its next step.
uintptr_t lowest_frame(const WaitView& wait) {
  if (!is_inferred(wait.caller.pc)) return wait.caller.sp;
  SyscallFile place;
  return read_syscall_file(wait.tid, &place) == 0 ? place.sp : 0;
}

}  // namespace

bool is_inside_call_on(const WaitView& wait) {
  if (calls_filtered()) return false;
  const uintptr_t sp = lowest_frame(wait);
  const uintptr_t restorer = sp == 0 ? 0 : signal_restorer();
  return restorer != 0 && any_word_above(sp, [&](uintptr_t frame, uintptr_t word) {
           return word == restorer && is_interrupted_call(frame, restorer, wait.word);
         });
}

bool may_be_in_handler(uintptr_t sp) {
  if (calls_filtered()) return true;
  const uintptr_t restorer = signal_restorer();
  return restorer != 0 && any_word_above(sp, [&](uintptr_t, uintptr_t word) { return word == restorer; });
}

}  // namespace holdwatch
