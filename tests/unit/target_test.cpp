// Symbols of a process from its memory: of this very one, where dlsym says the same.
#include "symbolizer/tools/attach/target.h"

#include <dlfcn.h>
#include <unistd.h>

#include "tests/catch.h"

using namespace holdwatch::attach;

TEST_CASE("a function of libc's is found where the loader finds it") {
  AttachTarget target(getpid());
  target.refresh();
  for (const char* name : {"dlopen", "mmap", "memfd_create", "dlerror"})
    CHECK(target.libc_function(name) == reinterpret_cast<uintptr_t>(dlsym(RTLD_DEFAULT, name)));
}

TEST_CASE("a name that no module exports is not found") {
  AttachTarget target(getpid());
  target.refresh();
  CHECK_FALSE(target.symbol("no_such_function_anywhere"));
  CHECK(target.libc_function("no_such_function_anywhere") == 0);
}

TEST_CASE("a string is read up to its end, and no further than memory goes") {
  AttachTarget target(getpid());
  const std::string text(150, 'x');
  CHECK(target.read_string(reinterpret_cast<uintptr_t>(text.c_str())) == text);
  CHECK(target.read_string(16).empty());
}
