// See read_task.h.
#include "symbolizer/tools/inspect/read_task.h"

#include "shim/common/proc/thread_files.h"
#include "symbolizer/proc/proc_text.h"

namespace holdwatch {
namespace {

ThreadState state_of(char letter, const SyscallFile& call) {
  if (letter == 'Z' || letter == 'X') return ThreadState::gone;
  if (letter == 'T' || letter == 't') return ThreadState::stopped;
  return call.kind == SyscallFile::Kind::running ? ThreadState::running : ThreadState::blocked;
}

}  // namespace

// "status" first: if the thread runs between the two reads, its number of switches differs when compared later.
bool read_task(int pid, int tid, Task& out) {
  StatusFile status;
  if (!parse_status(read_text(thread_file(pid, tid, "status")), &status)) return false;
  const SyscallFile call = parse_syscall(read_text(thread_file(pid, tid, "syscall")));
  out = Task{};
  out.tid = tid;
  out.namespace_tid = status.innermost_tid == 0 ? tid : status.innermost_tid;
  Snapshot& snapshot = out.snapshot;
  snapshot.tid = tid;
  snapshot.state = state_of(status.state, call);
  snapshot.switches = status.switches();
  snapshot.switches_known = true;
  snapshot.call = call.call;
  snapshot.in_page_fault = call.kind == SyscallFile::Kind::blocked_outside && snapshot.state == ThreadState::blocked;
  if (call.kind == SyscallFile::Kind::in_call || call.kind == SyscallFile::Kind::blocked_outside) {
    snapshot.registers.ip = call.pc;
    snapshot.registers.sp = call.sp;
    snapshot.registers.known = Registers::kIp | Registers::kSp;
    snapshot.registers.ip_is_exact = true;
  }
  return true;
}

}  // namespace holdwatch
