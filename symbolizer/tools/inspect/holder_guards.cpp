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

const HolderGuards::Held* HolderGuards::of(const Task& task, const std::optional<LockRef>& awaited) {
  const Known& known = look(task, awaited);
  return known.held ? &*known.held : nullptr;
}

const HolderGuards::Held* HolderGuards::of_stopped(Task& task, const std::optional<LockRef>& awaited,
                                                   const std::function<void()>& before_stop) {
  Known& known = look(task, awaited);
  const bool may_stop = task.snapshot.state != ThreadState::running && !shows_stop(task.snapshot.call);
  if (known.lacks_registers && may_stop && target_.has_stayed(task)) {
    before_stop();
    const Capture capture = target_.capture_registers(task);
    known = target_.look_again(task) ? find(capture, task, awaited) : Known{};
    known.lacks_registers = false;  // that was all of them
  }
  return known.held ? &*known.held : nullptr;
}

bool HolderGuards::may_signal(const Task& task, const LockRef& awaited, uintptr_t object) {
  return search().may_signal(target_.capture(task).snapshot, awaited, object) && target_.has_stayed(task);
}

// What the search may take is for all threads together.
GuardSearch& HolderGuards::search() {
  if (search_ == nullptr) {
    search_ = std::make_unique<GuardSearch>(target_.modules(), target_.memory(), unwinder_, resolve_);
    search_->begin(kTimeout);
  }
  return *search_;
}

// Without all names, it is looked at again: by then there are more.
HolderGuards::Known& HolderGuards::look(const Task& task, const std::optional<LockRef>& awaited) {
  const auto [known, is_new] = known_.try_emplace(task.tid);
  if (is_new || known->second.lacks_names) known->second = find(target_.capture(task), task, awaited);
  return known->second;
}

// What a call does to locks whose name there was no time to look up is not known, and would be remembered so.
HolderGuards::Known HolderGuards::find(const Capture& capture, const Task& task,
                                       const std::optional<LockRef>& awaited) {
  if (lacks_names_()) return {{}, false, true};
  Held held{};
  ThreadGuards found = search().find(capture.snapshot, awaited, held.stack);
  held.locks = std::move(found.locks);
  if (lacks_names_()) {
    search_ = nullptr;
    return {{}, false, true};
  }
  const bool is_running = task.snapshot.state == ThreadState::running;
  if (!is_running && !target_.has_stayed(task)) return {};
  return {std::move(held), found.lacks_registers, false};
}

}  // namespace holdwatch
