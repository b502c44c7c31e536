// A thread of the process that is started for an attachment, so that the program's own thread which starts it stands
// for a moment only: what takes long, or may wait for a lock, is called in this one.
// It is an ordinary thread of libc, which sleeps for a few seconds and ends. So if this command is killed, nothing has
// to be cleared up.
#pragma once

#include <cstdint>
#include <memory>

#include "symbolizer/tools/attach/remote_call.h"
#include "symbolizer/tools/attach/target.h"

namespace holdwatch::attach {

// Whether the process may be given such a thread. Not one with a single thread: a child of its fork may load libraries,
// which it could not if the fork came while another thread is in the loader. Nor one under ThreadSanitizer, which ends
// programs for threads that it has not started.
bool may_have_helper(AttachTarget& target);

// Looks up what it needs, which takes long, before any thread is stopped.
void look_up_helper_functions(AttachTarget& target);

// Has it started by this thread. Returns its pthread_t. Throws Refusal if the process may start no thread.
uintptr_t start_helper(AttachTarget& target, RemoteCall& thread);

// Stops it, ready for calls. It ends when it is given back. Throws Refusal if it does not appear.
std::unique_ptr<RemoteCall> take_helper(AttachTarget& target, const LibcCode& code, uintptr_t helper);

// Why pthread_create has failed, and what to do; `consequence` ends the sentence.
[[noreturn]] void refuse_without_thread(int pid, int error, const char* consequence);

}  // namespace holdwatch::attach
