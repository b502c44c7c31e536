// See mailbox.h.
//
// Who may change the mailbox: the requester moves idle, written and abandoned to requested, and requested to abandoned.
// The handler moves requested to writing, by compare-and-swap, for the very sequence number that its signal carries, and
// writing to written. A late handler finds another number or stage, and changes nothing.
#include "shim/inspection/mailbox.h"

#include <atomic>
#include <csignal>

#include "shim/base/clock.h"
#include "shim/base/libc_functions.h"
#include "shim/base/os.h"
#include "shim/common/contract/settings.h"
#include "shim/common/glibc/interrupted_call.h"
#include "shim/common/glibc/version_names.h"
#include "shim/common/kernel/copy_bytes.h"
#include "shim/inspection/task_files.h"

namespace holdwatch {
namespace {

constexpr uint64_t kAnswerTimeoutNs = 50'000'000;
// Copying takes far less than a millisecond, but a debugger may stop the thread in it.
constexpr uint64_t kWritingTimeoutNs = 1'000'000'000;

enum class MailboxStage : uint32_t { idle, requested, writing, written, abandoned };
constexpr unsigned kStageBits = 3;
constexpr uint32_t kSequenceMask = UINT32_MAX >> kStageBits;

constexpr uint32_t word_of(uint32_t sequence, MailboxStage stage) {
  return sequence << kStageBits | static_cast<uint32_t>(stage);
}
constexpr MailboxStage stage_of(uint32_t word) {
  return static_cast<MailboxStage>(word & ((1u << kStageBits) - 1));
}

struct Mailbox {
  // MailboxStage and sequence number. Storing `requested` (release) publishes the request to the handler's acquiring
  // compare-and-swap; storing `written` (release) publishes the answer to the requester's acquiring load.
  std::atomic<uint32_t> word;
  uint32_t sequence;  // requester only

  MemoryRange stack;  // the request

  Registers registers;  // the answer
  size_t copy_size;

  unsigned char* copy;  // these three are set by mailbox_open, before any signal is sent
  MemoryRange libc_code;
  MemoryRange libpthread_code;
};

constinit Mailbox g_mailbox{};

uintptr_t register_of(const ucontext_t& context, int index) {
  return static_cast<uintptr_t>(context.uc_mcontext.gregs[index]);
}

Registers registers_of(const ucontext_t& context) {
  Registers registers{};
  registers.ip = register_of(context, REG_RIP);
  registers.sp = register_of(context, REG_RSP);
  registers.bp = register_of(context, REG_RBP);
  registers.bx = register_of(context, REG_RBX);
  registers.r12 = register_of(context, REG_R12);
  registers.r13 = register_of(context, REG_R13);
  registers.r14 = register_of(context, REG_R14);
  registers.r15 = register_of(context, REG_R15);
  registers.known = Registers::kIpIsKnown | Registers::kSpIsKnown | Registers::kBpIsKnown | Registers::kBxIsKnown |
                    Registers::kR12IsKnown | Registers::kR13IsKnown | Registers::kR14IsKnown | Registers::kR15IsKnown;
  registers.ip_is_exact = true;
  return registers;
}

void write_answer(uint32_t sequence, const ucontext_t& context) {
  uint32_t expected = word_of(sequence, MailboxStage::requested);
  if (!g_mailbox.word.compare_exchange_strong(expected, word_of(sequence, MailboxStage::writing),
                                              std::memory_order_acquire, std::memory_order_relaxed)) {
    return;
  }
  const uintptr_t sp = register_of(context, REG_RSP);
  g_mailbox.registers = registers_of(context);
  g_mailbox.copy_size = 0;
  if (g_mailbox.stack.contains(sp)) {
    const size_t above = g_mailbox.stack.end - sp;
    g_mailbox.copy_size = above < kMailboxCopySize ? above : kMailboxCopySize;
    copy_bytes(g_mailbox.copy, sp, g_mailbox.copy_size);
  }
  g_mailbox.word.store(word_of(sequence, MailboxStage::written), std::memory_order_release);
  wake(g_mailbox.word);
}

NotedCall noted_in(const ucontext_t& context) {
  const auto word = [&](int index) {
    uint64_t value = 0;
    copy_bytes(&value, reinterpret_cast<uintptr_t>(&context.uc_mcontext.fpregs->_xmm[kNotedFrom + index]),
               sizeof value);
    return value;
  };
  if (context.uc_mcontext.fpregs == nullptr) return {};
  return {word(0), word(1), word(2), word(3)};
}

CallRegisters call_registers(const ucontext_t& context) {
  return {register_of(context, REG_RIP), context.uc_mcontext.gregs[REG_RAX],
          register_of(context, REG_RCX), register_of(context, REG_RSP),
          register_of(context, REG_RBP), register_of(context, REG_RDI),
          register_of(context, REG_RSI), noted_in(context)};
}

// See interrupted_call.cpp for why this is sound.
void begin_call_again(ucontext_t* context) {
  greg_t* registers = context->uc_mcontext.gregs;
  const CallRegisters call = call_registers(*context);
  const bool is_in_libpthread = g_mailbox.libpthread_code.contains(call.ip);
  const long number = call_cut_short(call, is_in_libpthread ? g_mailbox.libpthread_code : g_mailbox.libc_code);
  if (number < 0 || another_signal_is_due(*context)) return;
  constexpr greg_t kInstructionLength = 2;
  registers[REG_RIP] -= kInstructionLength;
  registers[REG_RAX] = number;
}

SamplingFailure wait_for_sample(uint32_t sequence) {
  const uint64_t requested_ns = monotonic_ns();
  uint64_t deadline_ns = requested_ns + kAnswerTimeoutNs;
  for (;;) {
    uint32_t word = g_mailbox.word.load(std::memory_order_acquire);
    if (stage_of(word) == MailboxStage::written) return SamplingFailure::none;
    const uint64_t now_ns = monotonic_ns();
    if (now_ns < deadline_ns) {
      sleep_on(g_mailbox.word, word, deadline_ns - now_ns);
    } else if (stage_of(word) == MailboxStage::requested) {
      const uint32_t abandoned = word_of(sequence, MailboxStage::abandoned);
      if (g_mailbox.word.compare_exchange_strong(word, abandoned, std::memory_order_relaxed)) {
        return SamplingFailure::not_in_time;
      }
    } else if (now_ns < requested_ns + kWritingTimeoutNs) {
      deadline_ns = requested_ns + kWritingTimeoutNs;
    } else {
      return SamplingFailure::still_writing;
    }
  }
}

// The handler's return is a system call too, so that the sample is not over before it: a filter that forbids the call may be
// installed right after (own_threads/seccomp_state.h). The handler blocks all signals that can be blocked (SIGKILL and SIGSTOP cannot be,
// and two are libc's own); its return gives the thread its mask back.
void wait_for_handlers_return(int tid) {
  constexpr auto bit = [](int signal) { return uint64_t{1} << (signal - 1); };
  constexpr uint64_t kNeverBlocked = bit(SIGKILL) | bit(SIGSTOP) | bit(32) | bit(33);
  constexpr uint64_t kPollIntervalNs = 50'000;
  const uint64_t until_ns = monotonic_ns() + kAnswerTimeoutNs;
  std::atomic<uint32_t> never{0};
  StatusFile status;
  while (read_status_file(tid, &status) == 0 && (status.blocked_signals | kNeverBlocked) == UINT64_MAX &&
         monotonic_ns() < until_ns)
    sleep_on(never, 0, kPollIntervalNs);
}

// Since 2.41, libc makes the calls of all cancellation points in one place.
bool hides_calls() {
  constexpr unsigned kHasOnePlace = 41;
  return glibc_minor(libc().gnu_get_libc_version()) >= kHasOnePlace && !can_distinguish_calls(g_mailbox.libc_code);
}

SamplingFailure request_sample(int tid, uint64_t blocked_signals, MemoryRange stack) {
  g_mailbox.sequence = (g_mailbox.sequence + 1) & kSequenceMask;
  g_mailbox.stack = stack;
  g_mailbox.word.store(word_of(g_mailbox.sequence, MailboxStage::requested), std::memory_order_release);
  const SamplingFailure failure = signal_send(tid, blocked_signals, g_mailbox.sequence);
  if (failure == SamplingFailure::none) return wait_for_sample(g_mailbox.sequence);
  g_mailbox.word.store(word_of(g_mailbox.sequence, MailboxStage::abandoned), std::memory_order_relaxed);
  return failure;
}

}  // namespace

bool mailbox_open(int signal_option, MemoryRange libc_code, MemoryRange libpthread_code) {
  g_mailbox.word.store(word_of(g_mailbox.sequence, MailboxStage::idle), std::memory_order_relaxed);
  g_mailbox.libc_code = libc_code;
  g_mailbox.libpthread_code = libpthread_code;
  if (g_mailbox.copy == nullptr) g_mailbox.copy = static_cast<unsigned char*>(reserve_memory(kMailboxCopySize));
  return signal_open(g_mailbox.copy == nullptr ? kSignalOff : signal_option);
}

void mailbox_answer(uint32_t sequence, ucontext_t* context) {
  write_answer(sequence, *context);
  begin_call_again(context);
}

SamplingFailure mailbox_sample(int tid, uint64_t blocked_signals, MemoryRange stack, Snapshot* out) {
  static const bool calls_are_hidden = hides_calls();  // computed when it is first needed
  if (calls_are_hidden) return SamplingFailure::calls_are_hidden;
  if (stage_of(g_mailbox.word.load(std::memory_order_acquire)) == MailboxStage::writing)
    return SamplingFailure::still_writing;
  const SamplingFailure failure = request_sample(tid, blocked_signals, stack);
  if (failure == SamplingFailure::none) wait_for_handlers_return(tid);
  signal_remove_handlers();
  if (failure != SamplingFailure::none) return failure;
  out->registers = g_mailbox.registers;
  out->copy = g_mailbox.copy_size == 0 ? nullptr : g_mailbox.copy;
  out->copy_address = g_mailbox.registers.sp;
  out->copy_size = g_mailbox.copy_size;
  return SamplingFailure::none;
}

}  // namespace holdwatch
