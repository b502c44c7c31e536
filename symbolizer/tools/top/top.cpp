// Shows the locks of the process. See top.h.
#include "symbolizer/tools/top/top.h"

#include <unistd.h>

#include <cstdio>
#include <exception>
#include <memory>
#include <new>
#include <string>

#include "symbolizer/report/color.h"
#include "symbolizer/tools/top/full_screen.h"
#include "symbolizer/tools/top/plain_output.h"
#include "symbolizer/tools/top/present.h"
#include "symbolizer/tools/top/signals.h"
#include "symbolizer/tools/top/terminal.h"

namespace holdwatch::top {
namespace {

int fail(const std::string& why) {
  std::fprintf(stderr, "holdwatch: %s\n", why.c_str());
  return kFailed;
}

// What is gone from the screen when the process has gone is what one wants to know then: so the last list is printed.
int run_on_terminal(const TopArguments& arguments, Present& present, std::unique_ptr<Terminal> terminal) {
  int signal = 0;
  try {
    signal = show_full_screen(present, *terminal, arguments.count);
  } catch (const std::exception&) {
    terminal.reset();
    print_present(present, tool_uses_color(arguments.color, STDOUT_FILENO));
    throw;
  }
  terminal.reset();
  if (signal != 0) Signals::end_by(signal);
  return kDone;
}

int run(const TopArguments& arguments) {
  Present present(arguments);
  const bool is_colored = tool_uses_color(arguments.color, STDOUT_FILENO);
  if (isatty(STDIN_FILENO) != 0 && isatty(STDOUT_FILENO) != 0) {
    if (auto terminal = Terminal::open(is_colored)) return run_on_terminal(arguments, present, std::move(terminal));
  }
  print_lists(present, arguments.count, is_colored);
  return kDone;
}

}  // namespace

extern "C" [[gnu::visibility("default")]] int holdwatch_top(const TopArguments& arguments) {
  try {
    return run(arguments);
  } catch (const std::bad_alloc&) {
    return fail("out of memory");
  } catch (const std::exception& error) {
    return fail(error.what());
  }
}

}  // namespace holdwatch::top
