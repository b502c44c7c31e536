// The words for a report's enums in JSON, the journal and the text.
// Pure; the words are part of the interface: never change one.
#pragma once

#include <optional>
#include <string_view>

#include "shim/common/contract/finding.h"

namespace holdwatch {

std::string_view event_name(Event event);
std::optional<Event> event_named(std::string_view name);
std::string_view phase_name(Phase phase);
std::string_view access_name(Access access);
std::string_view wait_kind_name(WaitKind kind);
WaitKind wait_kind_of(LockKind kind);
std::string_view evidence_name(Evidence evidence);
std::string_view state_name(ThreadState state);

}  // namespace holdwatch
