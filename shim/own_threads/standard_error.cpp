// One line to standard error, in one write.
// Cold and start contexts. Never allocates, never uses stdio, and never waits long for the reader of a pipe or
// terminal.
#include "shim/own_threads/standard_error.h"

#include <poll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstddef>
#include <ctime>

#include "shim/base/thread_mode.h"
#include "shim/common/kernel/system_call.h"
#include "shim/common/text/escaped_text.h"
#include "shim/common/text/text_buffer.h"
#include "shim/own_threads/seccomp_state.h"

namespace holdwatch {
namespace {

// At most PIPE_BUF, so that lines of several processes on one pipe do not mix (pipe(7)).
constexpr size_t kLineSize = 2048;
constexpr int kTimeoutMs = 100;
// The size of the kernel's sigset_t, which its system calls require: 64 bits, whatever the size of libc's.
constexpr size_t kKernelSignalSetSize = 8;

FileFacts g_at_start;  // written by standard_error_start, only read afterwards
int g_pid = 0;         // the same, but also written in the child of a fork

// 0, or the error negated.
long identify_standard_error(FileFacts* out) {
  struct stat status;
  const long error = system_call(SYS_fstat, STDERR_FILENO, &status);
  if (error == 0) *out = {status.st_dev, status.st_ino, status.st_rdev, true};
  return error;
}

// A daemon closes its descriptors, and the next file that it opens may get number 2. If another file takes its place
// between this check and the write, that is not noticed: the kernel has no write-if-still-the-same.
// If a filter of the program makes the call fail, the file is assumed to be the same.
bool standard_error_is_what_it_was() {
  FileFacts now{};
  const long error = identify_standard_error(&now);
  if (error != 0) return g_at_start.known && error != -EBADF;
  return g_at_start.known && now.device == g_at_start.device && now.inode == g_at_start.inode &&
         now.special_device == g_at_start.special_device;
}

// A pipe without a reader, or a terminal stopped with Ctrl-S, must not stop us too. A pipe that poll reports as
// writable takes PIPE_BUF bytes without blocking.
bool takes_bytes() {
  pollfd descriptor = {STDERR_FILENO, POLLOUT, 0};
  const long ready = system_call(SYS_poll, &descriptor, 1, kTimeoutMs);
  return ready < 0 || (ready == 1 && (descriptor.revents & POLLOUT) != 0);
}

// Writes with SIGPIPE blocked, because its default is to kill the program, and consumes the signal that the write
// caused.
bool write_without_signal(std::string_view text) {
  const uint64_t broken_pipe = uint64_t{1} << (SIGPIPE - 1);
  uint64_t old_mask = 0;
  uint64_t pending = 0;
  system_call(SYS_rt_sigprocmask, SIG_BLOCK, &broken_pipe, &old_mask, kKernelSignalSetSize);
  system_call(SYS_rt_sigpending, &pending, kKernelSignalSetSize);
  const long written = system_call(SYS_write, STDERR_FILENO, text.data(), text.size());
  if (written == -EPIPE && (pending & broken_pipe) == 0) {
    const timespec at_once = {0, 0};
    system_call(SYS_rt_sigtimedwait, &broken_pipe, nullptr, &at_once, kKernelSignalSetSize);
  }
  system_call(SYS_rt_sigprocmask, SIG_SETMASK, &old_mask, nullptr, kKernelSignalSetSize);
  return written == static_cast<long>(text.size());
}

// It cannot be checked which file descriptor 2 refers to. Our threads block all signals, so SIGPIPE has no effect.
bool write_only(std::string_view text) {
  if (!t_is_own_thread) return false;
  return system_call(SYS_write, STDERR_FILENO, text.data(), text.size()) == static_cast<long>(text.size());
}

}  // namespace

void standard_error_start() {
  identify_standard_error(&g_at_start);
  g_pid = static_cast<int>(system_call(SYS_getpid));
}

void standard_error_after_fork(int pid) {
  g_pid = pid;
}

FileFacts standard_error_at_start() {
  return g_at_start;
}

bool print_message(std::string_view text) {
  Line<kLineSize - 1> line;  // leaves room for the newline
  line << "holdwatch[" << g_pid << "]: ";
  put_printable(text, Escape::unprintable, [&line](char part) { line << part; });
  Line<kLineSize> whole;
  whole << line << '\n';
  if (calls_filtered()) return write_only(whole);
  return standard_error_is_what_it_was() && takes_bytes() && write_without_signal(whole);
}

}  // namespace holdwatch
