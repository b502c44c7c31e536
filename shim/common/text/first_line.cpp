// See first_line.h. The wording is in hold_line.cpp, wait_line.cpp and deadlock_line.cpp; finding_line.cpp has the facts that the
// shim knows.
#include "shim/common/text/first_line.h"

#include "shim/common/text/line_parts.h"

namespace holdwatch {

void append_first_line(const FirstLine& facts, TextBuffer& out) {
  switch (facts.event) {
    case Event::hold:
    case Event::abandoned:
    case Event::fork_orphan:
    case Event::stray_unlock:
      return append_hold_line(facts, out);
    case Event::wait:
    case Event::corrupt:
    case Event::lost_wakeup:
      return append_wait_line(facts, out);
    case Event::deadlock:
    case Event::self_deadlock:
      return append_deadlock_line(facts, out);
    case Event::lock_order:
    case Event::read_recursion:
      return;
  }
}

void append_process(std::string_view process, TextBuffer& out) {
  if (process.empty()) {
    out << " of another process, which may have exited";
  } else {
    out << " of process " << process;
  }
}

}  // namespace holdwatch
