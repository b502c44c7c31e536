// holdwatch-inspect: shows who waits for which lock, held by whom, in a process that hangs now or has left a core file.
// The launcher's `inspect` runs it.
// A process of its own: inspects another one, prints, and exits. It needs only libc; the inspection itself is in a
// module.
#include <dlfcn.h>
#include <sys/auxv.h>
#include <unistd.h>

#include <climits>
#include <cstdio>
#include <exception>
#include <string>

#include "symbolizer/tools/inspect/command_line.h"
#include "symbolizer/tools/inspect/inspection.h"
#include "symbolizer/tools/missing_libraries.h"
#include "symbolizer/tools/process_state.h"

namespace {

using namespace holdwatch;

int fail(int status, const std::string& why) {
  std::fprintf(stderr, "holdwatch: %s\n", why.c_str());
  return status;
}

std::string beside_this_program(const std::string& file) {
  char path[PATH_MAX];
  const ssize_t length = readlink("/proc/self/exe", path, sizeof path);
  // Without /proc: the path passed to execve, which is absolute if the launcher ran it.
  const std::string program =
      length < 0 ? reinterpret_cast<const char*>(getauxval(AT_EXECFN)) : std::string(path, static_cast<size_t>(length));
  return program.substr(0, program.rfind('/') + 1) + file;
}

int inspect(const InspectArguments& arguments) {
  if (arguments.core.empty() && !has_proc()) return fail(kCouldNotLook, std::string("inspect ") + kNeedsProc);
  const std::string path = beside_this_program(kInspectionModule);
  std::string why_not;
  void* module = open_library(path, why_not);
  if (module == nullptr) return fail(kCouldNotLook, "inspect " + why_not);
  const auto look = reinterpret_cast<Inspection>(dlsym(module, kInspectionName));
  if (look == nullptr) return fail(kCouldNotLook, path + " is of another version: install holdwatch again");
  return look(arguments);
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
