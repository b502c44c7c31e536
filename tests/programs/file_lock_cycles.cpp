// Cycles of waits through locks of files, which name processes. They are told with the hold that is part of each: where the other
// process has one thread only, or where all threads of this one wait for the one that wants the file. Not where a thread may go on,
// where a wait has a timeout, and where an alarm may end it.
// RUN-ENV: HOLDWATCH_LIMIT=1s HOLDWATCH_REPEAT=0
// EXPECT-JSON: doing("own", r".*flock\(fd \d+ .*, exclusive\), held by this process, likely by its thread \d+ \"taker\"")
// EXPECT-JSON: {event["event"] for event in e} == {"hold"} and not deadlocks
// EXPECT-JSON: held_by(e) == {"own", "timed", "free", "across", "alarm", "child"}
// EXPECT-JSON: likely_cycle_of("own") == ["own", "taker"]
// EXPECT-JSON: [one["evidence"] for one in wait_of("own")["enders"]] == ["stated", "stack"]
// EXPECT-JSON: not sees_all or likely_cycle_of("across") == ["across", "far"]
// EXPECT-JSON: likely_cycle_of("child") == ["child", "far"]
// EXPECT-JSON: [likely_cycle_of(name) for name in ("timed", "free", "alarm")] == [[], [], []]
// EXPECT-JSON: all(step.get("pid", event["pid"]) != event["pid"] for event in over for step in event["likely_cycle"] if step["thread"] == "far")
// NO-BARE: without a watch nothing would end it
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <csignal>
#include <mutex>

#include "tests/programs/harness.h"
#include "tests/shared_locks.h"
using namespace harness;

namespace {

int new_file() {
  const int file = memfd_create("file", MFD_CLOEXEC);
  CHECK(file >= 0);
  return file;
}

// An open file of its own, for locks.
int opened(int file) {
  const int again = open(("/proc/self/fd/" + std::to_string(file)).c_str(), O_RDWR | O_CLOEXEC);
  CHECK(again >= 0);
  return again;
}

void lock_file(int file) {
  CHECK(flock(opened(file), LOCK_EX) == 0);
}

// The process that runs `body` stays until the main one ends it.
pid_t in_process(void (*body)()) {
  const pid_t child = fork();
  if (child != 0) return child;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  body();
  for (;;) pause();
}

// `name` has a mutex and wants the file of `taker`, which wants the mutex. The main thread waits for `name`, or goes on.
void own_file(const char* name, bool main_goes_on, bool ends_by_itself) {
  static std::timed_mutex mutex;
  static Event has_file, has_mutex;
  const int file = new_file();
  new Thread("taker", [file, ends_by_itself] {
    lock_file(file);
    has_file.fire();
    has_mutex.wait();
    if (ends_by_itself)
      static_cast<void>(mutex.try_lock_for(1h));
    else
      mutex.lock();
  });
  auto* const keeper = new Thread(name, [file] {
    has_file.wait();
    const std::lock_guard guard(mutex);
    has_mutex.fire();
    lock_file(file);
  });
  if (!main_goes_on) keeper->join();
}

// A process with one thread, `far`, has the file, and wants the mutex that both share and that `name` has.
void file_of_other_process(const char* name) {
  static auto& mutex = shared_locks::map_shared_lock<pthread_mutex_t>();
  static auto& has_file = shared_locks::map_shared<std::atomic<bool>>();
  static auto& has_mutex = shared_locks::map_shared<std::atomic<bool>>();
  static int file;
  file = new_file();
  in_process([] {
    prctl(PR_SET_NAME, "far");
    lock_file(file);
    has_file = true;
    while (!has_mutex) pause_briefly();
    pthread_mutex_lock(&mutex);
  });
  while (!has_file) pause_briefly();
  new Thread(name, [] {
    CHECK(pthread_mutex_lock(&mutex) == 0);
    has_mutex = true;
    lock_file(file);
  });
}

// The same, but the thread waits for the other process to exit.
void end_of_other_process() {
  static auto& mutex = shared_locks::map_shared_lock<pthread_mutex_t>();
  static auto& has_mutex = shared_locks::map_shared<std::atomic<bool>>();
  static pid_t far;
  far = in_process([] {
    prctl(PR_SET_NAME, "far");
    while (!has_mutex) pause_briefly();
    pthread_mutex_lock(&mutex);
  });
  new Thread("child", [] {
    CHECK(pthread_mutex_lock(&mutex) == 0);
    has_mutex = true;
    CHECK(waitpid(far, nullptr, 0) == far);
  });
}

// Not of `far`, which reports its wait for a mutex of another process too.
void await_report_by(pid_t process) {
  const std::string by = "\"pid\":" + std::to_string(process) + ",\"exe\"";
  const auto has_come = [&] {
    const std::string text = read_file(std::getenv("HOLDWATCH_JSON"));
    return text.find(by) != std::string::npos;
  };
  const auto give_up = std::chrono::steady_clock::now() + kPatience;
  while (!has_come()) {
    CHECK(std::chrono::steady_clock::now() < give_up);
    pause_briefly();
  }
}

}  // namespace

int main() {
  const pid_t processes[] = {in_process([] { own_file("own", false, false); }),
                             in_process([] { own_file("timed", false, true); }),
                             in_process([] { own_file("free", true, false); }),
                             in_process([] { file_of_other_process("across"); }),
                             in_process([] {
                               std::signal(SIGALRM, [](int) {});
                               file_of_other_process("alarm");
                             }),
                             in_process([] { end_of_other_process(); })};
  for (const pid_t process : processes) await_report_by(process);
  for (const pid_t process : processes) {
    kill(process, SIGKILL);
    CHECK(waitpid(process, nullptr, 0) == process);
  }
}
