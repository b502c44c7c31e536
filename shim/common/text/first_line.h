// The first line of a report in the shim's own words, which are those of the symbolizer (symbolizer/report/headline.h, which has
// more to say of and cannot be called while it is stuck): a unit test holds the two together.
// Cold context (watcher or reporter). Pure; no allocation.
#pragma once

#include "shim/common/contract/finding.h"
#include "shim/common/text/text_buffer.h"

namespace holdwatch {

// Without "holdwatch[PID]: " before it. The finding's holders come longest first, or as the cycle has them, its waiters
// longest first; stacks are not looked at.
void append_first_line(const Finding& finding, TextBuffer& out);

}  // namespace holdwatch
