// libunwind for `attach` alone: the other commands do without it, and start where it is not installed. See
// unwind/libunwind.h.
#include <dlfcn.h>

#include <stdexcept>
#include <string>

#include "symbolizer/tools/missing_libraries.h"
#include "symbolizer/unwind/libunwind.h"

namespace holdwatch {
namespace {

#define HOLDWATCH_TEXT_OF(name) #name
#define HOLDWATCH_TEXT(name) HOLDWATCH_TEXT_OF(name)

template <typename Function>
void look_up(void* library, const char* name, Function*& function) {
  function = reinterpret_cast<Function*>(dlsym(library, name));
  if (function == nullptr)
    throw std::runtime_error(std::string("attach cannot use ") + kLibunwindFile + ": it lacks " + name);
}

Libunwind load() {
  void* library = dlopen(kLibunwindFile, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) throw std::runtime_error("attach " + why_not_loaded(kLibunwindFile, dlerror()));
  Libunwind functions{};
#define HOLDWATCH_LOOK_UP(name) look_up(library, HOLDWATCH_TEXT(UNW_OBJ(name)), functions.name);
  HOLDWATCH_LIBUNWIND_FUNCTIONS(HOLDWATCH_LOOK_UP)
#undef HOLDWATCH_LOOK_UP
  return functions;
}

}  // namespace

const Libunwind& libunwind() {
  static const Libunwind functions = load();
  return functions;
}

}  // namespace holdwatch
