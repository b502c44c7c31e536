// Where holds of streams end without funlockfile: the stream is closed, and another one is opened in its memory; a child of a fork
// finds every stream free. A thread that exits ends none.
// RUN-ENV: HOLDWATCH_LIMIT=300ms
// EXPECT: thread \d+ "careless" exited .*stream L1
// EXPECT-JSON: {event["event"] for event in e} == {"abandoned"} and held_by(e) == {"careless"}
// EXPECT-JSON: all(not h.get("likely", False) for event in e for h in event["holders"])
#include <sys/wait.h>

#include "tests/programs/harness.h"
using namespace harness;

namespace {

FILE* open_log(const char* name) {
  FILE* stream = std::fopen(temporary_path(name).c_str(), "w");
  CHECK(stream != nullptr);
  return stream;
}

// The next stream has the same address, and is in use for long, but never by flockfile.
void close_held() {
  FILE* stream = open_log("closed");
  const auto address = reinterpret_cast<uintptr_t>(stream);
  flockfile(stream);
  std::fclose(stream);
  int ends[2];
  CHECK(pipe(ends) == 0);
  FILE* silent = fdopen(ends[0], "r");
  CHECK(reinterpret_cast<uintptr_t>(silent) == address);
  Thread writer("writer", [&] {
    sleep_past_limit();
    CHECK(write(ends[1], "\n", 1) == 1);
  });
  CHECK(std::getc(silent) == '\n');
}

void fork_while_held() {
  FILE* stream = open_log("forked");
  flockfile(stream);
  const pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    Thread("other", [&] {
      CHECK(ftrylockfile(stream) == 0);
      funlockfile(stream);
    }).join();
    sleep_past_limit();
    std::_Exit(0);
  }
  funlockfile(stream);
  CHECK(waitpid(child, nullptr, 0) == child);
}

}  // namespace

int main() {
  Thread("closes", close_held).join();
  fork_while_held();
  FILE* stream = open_log("left");
  Thread("careless", [&] { flockfile(stream); }).join();
  await_report("abandoned");
  std::fflush(stdout);
  _exit(0);  // exit() flushes all streams, and waits for their locks in newer versions of glibc (2.41)
}
