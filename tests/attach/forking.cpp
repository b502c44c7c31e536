// A program of one thread that forks without a pause, and has many libraries, so that it takes a while to look at all of them.
// Each child loads a library, which a child of a program with one thread
// may do, and ends. Says "ready" at first; at a line of standard input it answers how many children there were, and how many
// of them did not come back from the loader.
//     forking LIBRARY
#include <dlfcn.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/wait.h>
#include <unistd.h>

#include <climits>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace {

constexpr unsigned kDeadlineS = 60;
constexpr int kLibraries = 300;

// A copy is another library for the loader.
bool load_copy(const char* library) {
  const int from = open(library, O_RDONLY), to = memfd_create("copy", 0);
  while (sendfile(to, from, nullptr, INT_MAX) > 0) {
  }
  const bool loaded = dlopen(("/proc/self/fd/" + std::to_string(to)).c_str(), RTLD_NOW) != nullptr;
  close(from);
  close(to);
  return loaded;
}

[[noreturn]] void load(const char* library) {
  alarm(kDeadlineS);
  _exit(dlopen(library, RTLD_NOW) == nullptr ? EXIT_FAILURE : EXIT_SUCCESS);
}

bool comes_back(const char* library) {
  const pid_t child = fork();
  if (child == 0) load(library);
  int status = -1;
  return waitpid(child, &status, 0) == child && status == EXIT_SUCCESS;
}

}  // namespace

int main(int, char** arguments) {
  setlinebuf(stdout);
  for (int i = 0; i < kLibraries; ++i) {
    if (!load_copy(arguments[1])) return EXIT_FAILURE;
  }
  puts("ready");
  int children = 0, hung = 0;
  for (pollfd input{STDIN_FILENO, POLLIN, 0}; poll(&input, 1, 0) == 0 && hung == 0; ++children)
    hung += comes_back(arguments[1]) ? 0 : 1;
  printf("%d children, %d did not come back\n", children, hung);
  static_cast<void>(getchar());
  return EXIT_SUCCESS;
}
