// A holder waits for malloc's lock, which has no owner: the thread that is inside malloc with it is likely the one. Not a thread
// that is merely in a function of libc.
// RUN-ENV: HOLDWATCH_LIMIT=200ms HOLDWATCH_REPEAT=0 MALLOC_ARENA_MAX=1
// EXPECT-JSON: waits_so("wants", "libc", r"waits for a lock inside libc 0x\w+, likely held by \d+ .stuck.", "stuck")
// EXPECT-JSON: [one["evidence"] for one in wait_of("wants")["enders"]] == ["stack"]
#include <malloc.h>
#include <sys/stat.h>

#include "tests/programs/harness.h"
using namespace harness;

Event inside, release;

// glibc's malloc_stats prints while it holds the arena's lock, to whatever `stderr` is.
ssize_t write_slowly(void*, const char*, size_t size) {
  inside.fire();
  release.wait();
  return static_cast<ssize_t>(size);
}

// Allocates nothing, which nobody can.
void await_json() {
  struct stat file {};
  for (int round = 0; is_watched() && round < 6000; ++round) {
    if (stat(std::getenv("HOLDWATCH_JSON"), &file) == 0 && file.st_size > 0) return;
    pause_briefly();
  }
}

int main() {
  FILE* const usual = stderr;
  pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
  stderr = fopencookie(nullptr, "w", {nullptr, write_slowly, nullptr, nullptr});
  CHECK(stderr != nullptr && std::setvbuf(stderr, nullptr, _IONBF, 0) == 0);
  Event go;
  Thread wants("wants", [&] {
    go.wait();
    CHECK(pthread_mutex_lock(&lock) == 0);
    constexpr size_t kFromTheArena = 100'000;
    void* volatile memory = malloc(kFromTheArena);  // or the compiler would leave it out
    free(memory);
    CHECK(pthread_mutex_unlock(&lock) == 0);
  });
  Thread sleeps("sleeps", [&] { release.wait(); });
  Thread stuck("stuck", [] { malloc_stats(); });
  inside.wait();
  go.fire();
  await_json();
  release.fire();
  stuck.join();
  wants.join();
  sleeps.join();
  stderr = usual;
}
