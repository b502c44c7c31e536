// holdwatch-inspect: shows who waits for which lock, held by whom, in a process that hangs now or has left a core file.
// The launcher's `inspect` runs it.
// A process of its own: inspects another one, prints, and exits. It needs only libc; the inspection itself is in a
// module.
#include <cstdio>
#include <exception>
#include <string>

#include "symbolizer/tools/inspect/command_line.h"
#include "symbolizer/tools/inspect/inspection.h"
#include "symbolizer/tools/process_state.h"
#include "symbolizer/tools/program_module.h"

namespace {

using namespace holdwatch;

int fail(int status, const std::string& why) {
  std::fprintf(stderr, "holdwatch: %s\n", why.c_str());
  return status;
}

int inspect(const InspectArguments& arguments) {
  if (arguments.core.empty() && !has_proc()) return fail(kCouldNotLook, std::string("inspect ") + kNeedsProc);
  std::string why;
  const auto look =
      reinterpret_cast<Inspection>(function_of_module(kInspectionModule, kInspectionName, "inspect", why));
  return look == nullptr ? fail(kCouldNotLook, why) : look(arguments);
}

}  // namespace

int main(int count, char** words) {
  try {
    std::string why;
    const auto arguments = parse_inspect_arguments(count - 1, words + 1, why);
    if (!arguments) return fail(kBadUse, why);
    return inspect(*arguments);
  } catch (const std::exception& error) {
    return fail(kCouldNotLook, error.what());
  }
}
