// See thread_snapshot.h.
#include "symbolizer/waits/thread_snapshot.h"

#include "shim/common/proc/thread_files.h"

namespace holdwatch {
namespace {

ThreadState state_of(char letter, const SyscallFile& call) {
  if (letter == 'Z' || letter == 'X') return ThreadState::gone;
  if (letter == 'T' || letter == 't') return ThreadState::stopped;
  return call.kind == SyscallFile::Kind::running ? ThreadState::running : ThreadState::blocked;
}

}  // namespace

// "status" first: if the thread runs between the two reads, its number of switches differs when compared later.
std::optional<ThreadLook> look_at_thread(const ThreadFiles& files) {
  StatusFile status;
  if (!parse_status(files.text("status"), &status)) return std::nullopt;
  const SyscallFile call = parse_syscall(files.text("syscall"));
  ThreadLook look;
  look.namespace_tid = status.innermost_tid == 0 ? files.tid() : status.innermost_tid;
  Snapshot& snapshot = look.snapshot;
  snapshot.tid = files.tid();
  snapshot.state = state_of(status.state, call);
  snapshot.switches = status.switches();
  snapshot.switches_known = true;
  snapshot.call = call.call;
  snapshot.in_page_fault = call.kind == SyscallFile::Kind::blocked_outside && snapshot.state == ThreadState::blocked;
  if (call.kind == SyscallFile::Kind::in_call || call.kind == SyscallFile::Kind::blocked_outside) {
    snapshot.registers.ip = call.pc;
    snapshot.registers.sp = call.sp;
    snapshot.registers.known = Registers::kIpIsKnown | Registers::kSpIsKnown;
    snapshot.registers.ip_is_exact = true;
  }
  return look;
}

bool has_stayed(const Snapshot& before) {
  return has_stayed(before, ThreadFiles::of_ours(before.tid));
}

bool has_stayed(const Snapshot& before, const ThreadFiles& files) {
  const auto now = look_at_thread(files);
  if (!now || now->snapshot.state != before.state) return false;
  return before.state == ThreadState::running || now->snapshot.switches == before.switches;
}

}  // namespace holdwatch
