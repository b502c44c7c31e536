// See holder_guards.h.
#include "symbolizer/tools/inspect/holder_guards.h"

#include <sys/syscall.h>

#include <algorithm>
#include <utility>

namespace holdwatch {
namespace {

constexpr std::chrono::milliseconds kTimeout{1500};

// A call that sends may have sent a part of its bytes, and would return their number. Others begin again (brief_stop.h).
bool shows_stop(const SystemCall& call) {
  constexpr long kNumbers[] = {SYS_write,  SYS_pwrite64, SYS_writev,          SYS_pwritev,  SYS_pwritev2,
                               SYS_sendto, SYS_sendmsg,  SYS_sendmmsg,        SYS_sendfile, SYS_splice,
                               SYS_tee,    SYS_vmsplice, SYS_copy_file_range, SYS_recvmmsg, SYS_io_uring_enter};
  return !call.known || std::find(std::begin(kNumbers), std::end(kNumbers), call.number) != std::end(kNumbers);
}

}  // namespace

const HolderGuards::Held* HolderGuards::of(Task& task, const std::optional<LockRef>& awaited,
                                           const std::function<void()>& was_stopped) {
  if (known_.empty()) search_.begin(kTimeout);
  auto known = known_.find(task.tid);
  if (known == known_.end()) known = known_.emplace(task.tid, look(task, awaited, was_stopped)).first;
  return known->second ? &*known->second : nullptr;
}

std::optional<HolderGuards::Held> HolderGuards::look(Task& task, const std::optional<LockRef>& awaited,
                                                     const std::function<void()>& was_stopped) {
  bool lacks_registers = false;
  const bool is_running = task.snapshot.state == ThreadState::running;
  auto held = search(target_.capture(task), task, awaited, lacks_registers);
  if (is_running || !lacks_registers || shows_stop(task.snapshot.call) || !target_.has_stayed(task)) return held;
  was_stopped();
  const Capture capture = target_.capture_registers(task);
  if (!target_.look_again(task)) return std::nullopt;
  return search(capture, task, awaited, lacks_registers);
}

std::optional<HolderGuards::Held> HolderGuards::search(const Capture& capture, const Task& task,
                                                       const std::optional<LockRef>& awaited, bool& lacks_registers) {
  Held held{};
  ThreadGuards found = search_.find(capture.snapshot, awaited, held.stack);
  lacks_registers = found.lacks_registers;
  held.locks = std::move(found.locks);
  const bool is_running = task.snapshot.state == ThreadState::running;
  return is_running || target_.has_stayed(task) ? std::optional(std::move(held)) : std::nullopt;
}

}  // namespace holdwatch
