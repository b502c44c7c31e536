// The symbolizer's file is incomplete, as when it is just being copied: the loader would map it, and the process die of SIGBUS. One
// line says so, and reports are plain.
// SHIM: alone
// RUN-ENV: HOLDWATCH_LIMIT=200ms
// EXPECT: cannot load libholdwatch-symbolizer\.so beside \S+/libholdwatch\.so: the file is incomplete; reports go to
// EXPECT: thread \d+ "holder" has held mutex
#include <fcntl.h>

#include <mutex>

#include "tests/programs/harness.h"
using namespace harness;

namespace {

// The beginning of any library will do: here of the one that is preloaded.
void put_beginning_of_library() {
  const char* preload = std::getenv("LD_PRELOAD");
  if (preload == nullptr) return;
  const std::string shim = preload;
  const std::string beginning = read_file(shim).substr(0, 64 * 1024);
  const std::string path = shim.substr(0, shim.rfind('/')) + "/libholdwatch-symbolizer.so";
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0700);
  CHECK(::write(file, beginning.data(), beginning.size()) == static_cast<ssize_t>(beginning.size()));
  CHECK(::close(file) == 0);
}

}  // namespace

int main() {
  put_beginning_of_library();
  std::mutex lock;
  Thread holder("holder", [&] {
    std::lock_guard guard(lock);
    sleep_past_limit();
  });
}
