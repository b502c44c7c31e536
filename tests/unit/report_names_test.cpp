// The rules of symbolizer/report/report_names.h.
#include "symbolizer/report/report_names.h"

#include "shim/common/text/lock_kind_name.h"
#include "tests/catch.h"

using namespace holdwatch;

TEST_CASE("events, phases, kinds, modes and states have the interface's names") {
  CHECK(event_name(Event::hold) == "hold");
  CHECK(event_name(Event::wait) == "wait");
  CHECK(event_name(Event::deadlock) == "deadlock");
  CHECK(event_name(Event::self_deadlock) == "self_deadlock");
  CHECK(event_name(Event::abandoned) == "abandoned");
  CHECK(event_name(Event::fork_orphan) == "fork_orphan");
  CHECK(event_name(Event::corrupt) == "corrupt");
  CHECK(event_name(Event::lock_order) == "lock_order");
  CHECK(event_name(Event::read_recursion) == "read_recursion");
  CHECK(phase_name(Phase::over) == "over");
  CHECK(phase_name(Phase::still) == "still");
  CHECK(phase_name(Phase::released) == "released");
  CHECK(phase_name(Phase::late) == "late");
  CHECK(phase_name(Phase::snapshot) == "snapshot");
  CHECK(lock_kind_name(LockKind::mutex) == "mutex");
  CHECK(lock_kind_name(LockKind::rwlock) == "rwlock");
  CHECK(access_name(Access::exclusive) == "exclusive");
  CHECK(access_name(Access::shared) == "shared");
  CHECK(state_name(ThreadState::running) == "running");
  CHECK(state_name(ThreadState::blocked) == "blocked");
  CHECK(state_name(ThreadState::stopped) == "stopped");
  CHECK(state_name(ThreadState::gone) == "gone");
}
