// See find_watched.h.
#include "symbolizer/tools/attach/find_watched.h"

#include <optional>
#include <string>

#include "symbolizer/tools/attach/checks.h"
#include "symbolizer/tools/attach/refusal.h"
#include "symbolizer/tools/process_state.h"

namespace holdwatch::attach {
namespace {

constexpr uint64_t kTimeoutNs = 5'000'000'000;

// For a process without holdwatch, or one that no longer has it: `how` says which of the two.
[[noreturn]] void refuse_unwatched(int pid, ControlRequest request, const std::string& how) {
  const std::string remedy =
      request == ControlRequest::detach ? "nothing to detach" : "to watch it: holdwatch attach " + std::to_string(pid);
  throw Refusal(describe_process(pid) + " is not watched" + how + ": " + remedy);
}

}  // namespace

Watched find_watched(AttachTarget& target, ControlRequest request) {
  const int pid = target.pid();
  target.refresh();
  std::optional<Watched> watched = Watched::find(target);
  if (!watched) refuse_unwatched(pid, request, "");
  watched->settle(kTimeoutNs);
  if (const ControlState state = watched->state(); state == ControlState::loading || state == ControlState::attaching)
    throw Refusal(describe_process(pid) + ": another attach is still in progress; try again");
  check_running(pid);
  if (!watched->wait_for_watcher(kTimeoutNs)) {
    if (watched->state() == ControlState::idle) refuse_unwatched(pid, request, " any more");
    throw Refusal(describe_process(pid) + " has only one thread, which has not blocked yet: nothing to watch");
  }
  return *watched;
}

}  // namespace holdwatch::attach
