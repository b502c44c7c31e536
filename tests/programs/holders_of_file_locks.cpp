// Holders that wait for locks of files: named are the processes that have the open file of a lock by flock or of an open file
// description, also if they have it from a parent that has exited; and the waiting process itself, which has no thread to be named.
// RUN-ENV: HOLDWATCH_LIMIT=300ms HOLDWATCH_REPEAT=0
// EXPECT-JSON: waits_so("ofd", "file_lock", r"fcntl\(fd \d+ \S+, F_OFD_SETLKW\), held by process \d+ .far.", "far")
// EXPECT-JSON: waits_so("posix_for_ofd", "file_lock", r"fcntl\(fd \d+ \S+, F_SETLKW\), held by process \d+ .far.", "far")
// EXPECT-JSON: waits_so("ofd_for_posix", "file_lock", r"fcntl\(fd \d+ \S+, F_OFD_SETLKW\), held by process \d+ .far.", "far")
// EXPECT-JSON: waits_so("by_position", "file_lock", r"fcntl\(fd \d+ \S+, F_SETLKW\), held by process \d+ .far.", "far")
// EXPECT-JSON: waits_so("inherited", "file_lock", r"flock\(fd \d+ \S+, exclusive\), held by process \d+ .far.", "far")
// EXPECT-JSON: waits_so("own", "file_lock", r"flock\(fd \d+ \S+, exclusive\), held by this process", "holders_of_file")
// EXPECT-JSON: all(event["root"]["thread"] == ("own" if holder(event)["thread"] == "own" else "far") for event in over)
// EXPECT-JSON: {holder(event)["thread"] for event in over} == {"ofd", "posix_for_ofd", "ofd_for_posix", "by_position", "inherited", "own"}
// FORBID: deadlock
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <csignal>
#include <list>
#include <mutex>

#include "tests/programs/harness.h"
#include "tests/shared_locks.h"
using namespace harness;

namespace {

enum class By : uint8_t { flock, process, position, open_file };

int open_own(const std::string& path) {
  const int file = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  CHECK(file >= 0);
  return file;
}

void lock(int file, By by, bool waits) {
  struct flock whole {};
  whole.l_type = F_WRLCK;
  if (by == By::flock)
    CHECK(flock(file, LOCK_EX | (waits ? 0 : LOCK_NB)) == 0);
  else if (by == By::position)
    CHECK(lseek(file, 40, SEEK_SET) == 40 && lockf(file, waits ? F_LOCK : F_TLOCK, -30) == 0);
  else if (by == By::process)
    CHECK(fcntl(file, waits ? F_SETLKW : F_SETLK, &whole) == 0);
  else
    CHECK(fcntl(file, waits ? F_OFD_SETLKW : F_OFD_SETLK, &whole) == 0);
}

const pid_t program = getpid();

// As long as the program runs: the parent of the one that inherits a lock has ended before.
[[noreturn]] void stay() {
  prctl(PR_SET_NAME, "far");
  while (kill(program, 0) == 0) pause_briefly();
  ::_exit(0);
}

// By another process.
void hold_elsewhere(const std::string& path, By by) {
  auto& is_held = shared_locks::map_shared<std::atomic<bool>>();
  if (fork() == 0) {
    lock(open_own(path), by, false);
    is_held = true;
    stay();
  }
  while (!is_held) pause_briefly();
}

// By a process whose parent took it, and has exited.
void hold_inherited(const std::string& path) {
  const pid_t taker = fork();
  if (taker == 0) {
    lock(open_own(path), By::flock, false);
    if (fork() == 0) stay();
    ::_exit(0);
  }
  CHECK(waitpid(taker, nullptr, 0) == taker);
}

}  // namespace

int main() {
  const std::string ofd = temporary_path("ofd"), ofd_too = temporary_path("ofd_too"), posix = temporary_path("posix"),
                    positions = temporary_path("positions"), inherited = temporary_path("inherited"),
                    own = temporary_path("own");
  hold_elsewhere(ofd, By::open_file);
  hold_elsewhere(ofd_too, By::open_file);
  hold_elsewhere(posix, By::process);
  hold_elsewhere(positions, By::process);
  hold_inherited(inherited);
  lock(open_own(own), By::flock, false);
  const struct {
    const char* name;
    const std::string& path;
    By by;
  } scenes[] = {{"ofd", ofd, By::open_file},
                {"posix_for_ofd", ofd_too, By::process},
                {"ofd_for_posix", posix, By::open_file},
                {"by_position", positions, By::position},
                {"inherited", inherited, By::flock},
                {"own", own, By::flock}};
  std::list<std::mutex> locks;
  for (const auto& scene : scenes) {
    auto* const mutex = &locks.emplace_back();
    new Thread(scene.name, [=] {
      const std::lock_guard held(*mutex);
      lock(open_own(scene.path), scene.by, true);
    });
  }
  await_report("over", std::size(scenes));
  std::puts("done");
  std::fflush(stdout);
  ::_exit(0);
}
