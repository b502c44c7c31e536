// Phrases that the first lines of several events share.
// Pure.
#pragma once

#include <string>
#include <string_view>

#include "symbolizer/report/report.h"

namespace holdwatch {

// Behind a duration that counts from the attachment.
inline constexpr std::string_view kSinceBefore = " at least, since before the attach";

// "rwlock L3"
std::string lock_label(const Report& report);
// " for reading", " for writing", or nothing: what a mode is called depends on whether the lock has two.
std::string held_for(LockKind kind, Access access);
// A holder's number and name; of a thread of another process, that process's too.
std::string holder_label(const ReportHolder& holder);
// The same of the first holder; and as the subject of a sentence: "thread 12 "alice"".
std::string first_holder(const Report& report);
std::string thread_first_holder(const Report& report);
// What it cost the others: "37 threads lost 6 min 40 s waiting".
std::string lost(const Report& report);

// The first lines of threads that wait for each other, or for themselves.
std::string deadlock_headline(const Report& report);
std::string self_deadlock_headline(const Report& report);

}  // namespace holdwatch
