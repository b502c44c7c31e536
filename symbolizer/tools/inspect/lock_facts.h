// What a report says of one lock, its holder or a group of its waiters, from what was seen of that alone.
// Pure.
#pragma once

#include <string>
#include <vector>

#include "symbolizer/report/report.h"
#include "symbolizer/tools/inspect/observation.h"

namespace holdwatch {

inline constexpr char kNotWatched[] = "unknown: the process was not watched when it took the lock";

void add_note(std::string& note, const std::string& more);

// Those whose wait may be followed further: where that is no guess, and no reader that nothing names keeps the others waiting.
std::vector<int> certain_holders(const SeenLock& lock);

// Its owner is no thread of the process.
bool is_lost(const SeenLock& lock);
ReportHolder lost_holder(const SeenLock& lock);

Event event_of(const SeenLock& lock);
void name_lock(const SeenLock& lock, const std::string& id, Report& report);
void add_notes(const SeenLock& lock, Report& report);
void add_guard(const SeenGuard& guard, const SeenLock& lock, ReportHolder& out);

// Of threads at the same place: equal for the same frames.
std::string addresses(const Stack& stack);
// Longest waiting first; adds what they have lost to the report.
ReportWaiters group(Access access, std::vector<const SeenThread*>& threads, Report& report);

}  // namespace holdwatch
