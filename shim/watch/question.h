// What somebody outside asks of this process through holdwatch_control_block (base/control_block.h), and the answer.
// Cold context: the watcher, which looks at each wake-up; the attachment's thread.
#pragma once

#include <string_view>

#include "shim/base/control_block.h"

namespace holdwatch {

// Whether there is a question that nobody has answered.
bool is_asked();

// Answers it. The text is one line, empty if there is nothing to say.
void answer_question(bool succeeded, std::string_view text);

}  // namespace holdwatch
