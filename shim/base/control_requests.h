// The request of a command to this process in holdwatch_control_block (common/contract/control_block.h), and the answer.
// Cold context: the watcher, which checks at each wake-up; the attachment's thread.
#pragma once

#include <string_view>

#include "shim/common/contract/control_block.h"

namespace holdwatch {

// Whether there is an unanswered request.
bool is_requested();

// Why an attachment cannot be ended: without system calls that a filter may forbid, read-only pages cannot be written, and threads
// cannot end.
inline constexpr char kFilterKeepsAttachment[] =
    "it has installed a seccomp filter since the attach, and detaching might get it killed: its lock calls still go "
    "through holdwatch, which no longer reports anything";

// Answers it. The text is one line, empty if there is nothing to say.
void answer_request(bool succeeded, std::string_view text);

}  // namespace holdwatch
