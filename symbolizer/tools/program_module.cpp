// See program_module.h.
#include "symbolizer/tools/program_module.h"

#include <dlfcn.h>
#include <sys/auxv.h>
#include <unistd.h>

#include <climits>

#include "symbolizer/tools/missing_libraries.h"

namespace holdwatch {
namespace {

std::string beside_this_program(const std::string& file) {
  char path[PATH_MAX];
  const ssize_t length = readlink("/proc/self/exe", path, sizeof path);
  // Without /proc: the path passed to execve, which is absolute if the launcher ran it.
  const std::string program =
      length < 0 ? reinterpret_cast<const char*>(getauxval(AT_EXECFN)) : std::string(path, static_cast<size_t>(length));
  return program.substr(0, program.rfind('/') + 1) + file;
}

}  // namespace

void* function_of_module(const std::string& file, const char* name, const std::string& command, std::string& why) {
  const std::string path = beside_this_program(file);
  void* const module = open_library(path, why);
  if (module == nullptr) {
    why = command + " " + why;
    return nullptr;
  }
  void* const function = dlsym(module, name);
  if (function == nullptr) why = path + " is of another version: install holdwatch again";
  return function;
}

}  // namespace holdwatch
