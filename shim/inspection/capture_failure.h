// Why a thread was not captured, in words: each fills why_short of a snapshot, and its state where that follows. All
// return false, for the snapshot is empty.
// Cold context (the reporter thread); no allocation.
#pragma once

#include "shim/common/contract/finding.h"
#include "shim/inspection/mailbox.h"

namespace holdwatch {

// /proc/self/task/TID/status could not be read, with this errno.
bool explain_no_status(int error, Snapshot* out);

// /proc/self/task/TID/syscall could not be read, with this errno.
bool explain_no_registers(int error, Snapshot* out);

// A sample was refused or did not come.
bool explain_no_capture(SamplingFailure failure, Snapshot* out);

bool explain_no_capture(const char* reason, Snapshot* out);

}  // namespace holdwatch
