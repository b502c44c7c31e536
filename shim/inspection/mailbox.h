// Samples a running thread: sends it a signal, whose handler copies registers and stack bytes into the only mailbox.
// Cold context, one caller at a time; the sample is written in signal context.
#pragma once

#include <cstddef>
#include <cstdint>

#include "shim/common/contract/finding.h"
#include "shim/inspection/local_memory.h"
#include "shim/inspection/sampling_signal.h"

namespace holdwatch {

inline constexpr size_t kMailboxCopySize = size_t{1} << 20;

// Reserves the mailbox; `signal_option` as in Settings::signal. System calls that a sample interrupts are restarted if
// they were made from `libc_code`, or from `libpthread_code`, which is apart before glibc 2.34 (see interrupted_call.cpp). May be called
// again in a child of fork. Returns whether a signal is free at present.
bool mailbox_open(int signal_option, MemoryRange libc_code, MemoryRange libpthread_code = {});

// Samples thread `tid`, whose signal mask is `blocked_signals`. Fills out->registers and, if the stack pointer lies in
// `stack`, out->copy with what is above it, at most kMailboxCopySize bytes. All of `stack` must be readable. The copy
// stays valid until the next call. Waits 50 ms at most. Only to be used on a thread that is running: see capture.cpp.
SamplingFailure mailbox_sample(int tid, uint64_t blocked_signals, MemoryRange stack, Snapshot* out);

// In the handler of the sampling signal, for kUpcalls.sampling_signal_arrived: answers the request that has this sequence number, unless
// it is over. Late or not, the signal may have interrupted a system call, which is restarted.
void mailbox_answer(uint32_t sequence, ucontext_t* context);

}  // namespace holdwatch
