// A real-time signal that the program does not use, with our handler while one is on its way to a thread.
// Cold context, one user at a time; the handler runs in signal context, and hands the value that was sent to
// kUpcalls.sampling_signal_arrived. The sole user of sigaction and tgkill.
#pragma once

#include <ucontext.h>

#include <cstdint>

namespace holdwatch {

// Why a thread could not be sampled.
enum class SamplingFailure : uint8_t {
  none,
  switched_off,
  calls_are_hidden,      // which system call the signal interrupts could not be told, so that it could not be restarted
  no_signal_free,        // the program uses every signal that we could use
  thread_filters_calls,  // the handler's return is a system call, which a filter of the thread's own may forbid
  thread_blocks_signal,  // the thread has every free signal in its mask
  thread_gone,
  not_queued,    // RLIMIT_SIGPENDING is reached
  not_in_time,   // the thread did not run the handler within 50 ms; it will later
  still_writing  // a thread was stopped inside the handler, for this sample or an earlier one
};

// `option` as in Settings::signal. May be called again in a child of fork. Returns whether a signal is free at present.
bool signal_open(int option);

// Sends `value` to a thread of this process whose signal mask is `blocked_signals`.
SamplingFailure signal_send(int tid, uint64_t blocked_signals, uint32_t value);

// Whether a signal has been sent whose handler has not begun. Any thread.
bool signals_under_way();

// Removes our handler from every signal of which none is on its way.
void signal_remove_handlers();

// In the handler: true if a signal is pending that the program handles and that the thread did not block when ours came.
bool another_signal_is_due(const ucontext_t& context);

}  // namespace holdwatch
