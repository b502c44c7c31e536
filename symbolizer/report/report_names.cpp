// See report_names.h.
#include "symbolizer/report/report_names.h"

namespace holdwatch {

std::string_view event_name(Event event) {
  switch (event) {
#define HOLDWATCH_EVENT(name, ending, journal_id) \
  case Event::name:                               \
    return #name;
#include "shim/common/contract/events.def"
#undef HOLDWATCH_EVENT
  }
  return "unknown";
}

std::optional<Event> event_named(std::string_view name) {
#define HOLDWATCH_EVENT(event, ending, journal_id) \
  if (name == #event) return Event::event;
#include "shim/common/contract/events.def"
#undef HOLDWATCH_EVENT
  return std::nullopt;
}

std::string_view phase_name(Phase phase) {
  switch (phase) {
    case Phase::over:
      return "over";
    case Phase::still:
      return "still";
    case Phase::released:
      return "released";
    case Phase::late:
      return "late";
    case Phase::snapshot:
      return "snapshot";
  }
  return "unknown";
}

std::string_view wait_kind_name(WaitKind kind) {
  static constexpr std::string_view kNames[] = {
#define HOLDWATCH_WAIT_KIND(name, json_name) json_name,
#include "shim/common/contract/wait_kinds.def"
#undef HOLDWATCH_WAIT_KIND
  };
  return kNames[static_cast<size_t>(kind)];
}

WaitKind wait_kind_of(LockKind kind) {
  switch (kind) {
    case LockKind::mutex:
      return WaitKind::mutex;
    case LockKind::rwlock:
      return WaitKind::rwlock;
    case LockKind::stream:
      return WaitKind::stream;
    case LockKind::loader:
      return WaitKind::loader;
    case LockKind::once:
      return WaitKind::once;
    case LockKind::local_static:
      return WaitKind::local_static;
    case LockKind::file_lock:
      return WaitKind::file_lock;
    case LockKind::condition:
      return WaitKind::condition;
  }
  return WaitKind::other;
}

std::string_view access_name(Access access) {
  switch (access) {
    case Access::exclusive:
      return "exclusive";
    case Access::shared:
      return "shared";
  }
  return "unknown";
}

std::string_view evidence_name(Evidence evidence) {
  switch (evidence) {
    case Evidence::recorded:
      return "recorded";
    case Evidence::stated:
      return "stated";
    case Evidence::guard:
      return "guard";
    case Evidence::code:
      return "code";
    case Evidence::learnt:
      return "learnt";
    case Evidence::stack:
      return "stack";
  }
  return "unknown";
}

std::string_view state_name(ThreadState state) {
  switch (state) {
    case ThreadState::running:
      return "running";
    case ThreadState::blocked:
      return "blocked";
    case ThreadState::stopped:
      return "stopped";
    case ThreadState::gone:
      return "gone";
    case ThreadState::unknown:
      return "unknown";
  }
  return "unknown";
}

}  // namespace holdwatch
