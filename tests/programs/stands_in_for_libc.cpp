// A preloaded library of with_other_preloads.cpp that stands in for nearly all of libc's functions (stand_ins.py). In a
// thread of holdwatch's each of them ends the process: there it could as well wait for a lock of the program's.
#include <dlfcn.h>
#include <linux/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstddef>

namespace {

long kernel(long number, long a, long b, long c) {
  long result = number;
  asm volatile("syscall" : "+a"(result) : "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
  return result;
}

bool is_thread_of_ours() {
  char name[16] = "";
  kernel(SYS_prctl, PR_GET_NAME, reinterpret_cast<long>(name), 0);
  const char begin[] = "holdwatch";
  for (size_t i = 0; i + 1 < sizeof begin; ++i)
    if (name[i] != begin[i]) return false;
  return true;
}

bool is_loader(const char* path) {
  const char begin[] = "/ld-linux";
  for (; path != nullptr && *path != '\0'; ++path) {
    size_t same = 0;
    while (begin[same] != '\0' && path[same] == begin[same]) ++same;
    if (begin[same] == '\0') return true;
  }
  return false;
}

void say(const char* text) {
  size_t length = 0;
  while (text[length] != '\0') ++length;
  kernel(SYS_write, STDERR_FILENO, reinterpret_cast<long>(text), static_cast<long>(length));
}

}  // namespace

// From the stub of the function: the one to go on to.
extern "C" [[gnu::visibility("hidden")]] void* refuse_our_threads(const char* name, void* caller);
void* refuse_our_threads(const char* name, void* caller) {
  if (is_thread_of_ours()) {
    Dl_info from{};
    const auto find_module = reinterpret_cast<decltype(&dladdr)>(dlsym(RTLD_NEXT, "dladdr"));
    find_module(caller, &from);
    // The loader allocates by the program's malloc, while it loads the symbolizer: before the program's second thread runs.
    if (is_loader(from.dli_fname)) return dlsym(RTLD_NEXT, name);
    say("a thread of holdwatch's called ");
    say(name);
    say(" from ");
    say(from.dli_fname == nullptr ? "nowhere" : from.dli_fname);
    say("\n");
    kernel(SYS_exit_group, 3, 0, 0);
  }
  return dlsym(RTLD_NEXT, name);
}
