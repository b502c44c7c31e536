// Who can end a wait, as far as that was learnt, in words.
// Pure.
#pragma once

#include <string>

#include "symbolizer/report/report.h"

namespace holdwatch {

// " (last signalled by 4712 "script" at script.cpp:11, 12 s ago)", to be added to what the thread is doing: "signalled before" if that
// thread itself was the last. Empty if it is not known.
std::string last_ender_words(const ReportWait& wait);

// ": its code goes on to signal it"; empty if it has been seen to do so.
std::string reason_words(const ReportWait& wait, const ReportEnder& ender);

// "no thread has been seen to signal it"; empty if somebody is named, or there is nothing to say.
std::string gap_words(const ReportWait& wait);

// The same, and what is so of all waits of a kind.
std::string why_nobody_is_named(const ReportWait& wait);

}  // namespace holdwatch
