// What a report says of a holder or a waiter before a stack is read: from the request, the records and /proc.
// Cold context (reporter).
#pragma once

#include <cstddef>

#include "shim/common/contract/finding.h"
#include "shim/handoff/report_request.h"

namespace holdwatch {

// `index`: which of the request's holders.
void describe_holder(const ReportRequest& request, size_t index, Holder* out);

// How long the holder has been in the wait that was seen (`out->wait`), if it is the one that the request has.
void describe_own_wait(const ReportRequest& request, size_t index, Holder* out);

// Whether the hold lasts, by its record; one that was inferred, by the lock itself.
bool hold_goes_on(const HolderState& holder);

// Empty if the thread has exited.
void name_thread(int tid, char (&out)[kThreadNameSize]);

// A reader that no record names: its frame instead of the lock call.
void describe_reader(const ReportRequest& request, const FoundReader& reader, Holder* out);

// `index`: which of the request's waiters. False if it no longer waits.
bool describe_waiter(const ReportRequest& request, size_t index, Waiter* out);

// The steps of the request that are still true, up to the first that is not; returns how many.
size_t describe_behind(const ReportRequest& request, BehindThread* out);

}  // namespace holdwatch
