// holdwatch-top: shows live who holds and who waits for which lock in a watched process. The launcher's `top` runs it.
// It needs only libc; the rest is in a module.
#include <cstdio>
#include <exception>
#include <string>

#include "symbolizer/tools/process_state.h"
#include "symbolizer/tools/program_module.h"
#include "symbolizer/tools/top/command_line.h"
#include "symbolizer/tools/top/top.h"

namespace {

using namespace holdwatch;
using namespace holdwatch::top;

int fail(int status, const std::string& why) {
  std::fprintf(stderr, "holdwatch: %s\n", why.c_str());
  return status;
}

int run(const TopArguments& arguments) {
  if (!has_proc()) return fail(kFailed, std::string("top ") + kNeedsProc);
  std::string why;
  const auto show = reinterpret_cast<Top>(function_of_module(kTopModule, kTopName, "top", why));
  return show == nullptr ? fail(kFailed, why) : show(arguments);
}

}  // namespace

int main(int count, char** words) {
  try {
    std::string why;
    const auto arguments = parse_top_arguments(count - 1, words + 1, why);
    return arguments ? run(*arguments) : fail(kBadUse, why);
  } catch (const std::exception& error) {
    return fail(kFailed, error.what());
  }
}
