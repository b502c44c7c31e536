// For tests of holds that end before the watch looks at them. To make the watch miss one, a parent stops the watch's own
// threads shortly before the limit, and lets them go on when the lock is free again.
#pragma once

#include <dirent.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include <csignal>
#include <vector>

#include "tests/programs/harness.h"

namespace harness {

inline constexpr std::chrono::milliseconds kLimit = 3s;

// Holds locks from when it writes a byte to `tell` to when it can read one from `listen`.
using Holding = void (*)(int tell, int listen);

inline int hold_in_child(Holding holding, size_t reports, int tell, int listen) {
  Thread holder("holder", [=] {
    holding(tell, listen);
    char byte = 'r';
    CHECK(write(tell, &byte, 1) == 1);
    await_report("late", reports);
  });
  holder.join();
  // What is said only once nothing more is found: exit would not wait for it.
  if (reports > 1) std::this_thread::sleep_for(2s);
  return 0;
}

inline std::vector<pid_t> threads_of_the_watch(pid_t process) {
  std::vector<pid_t> found;
  const std::string tasks = "/proc/" + std::to_string(process) + "/task/";
  DIR* directory = opendir(tasks.c_str());
  CHECK(directory != nullptr);
  while (const dirent* entry = readdir(directory)) {
    if (read_file(tasks + entry->d_name + "/comm").starts_with("holdwatch")) found.push_back(std::atoi(entry->d_name));
  }
  closedir(directory);
  return found;
}

inline void stop(pid_t thread) {
  if (ptrace(PTRACE_SEIZE, thread, nullptr, nullptr) != 0) skip("this user may trace no process (ptrace)");
  CHECK(ptrace(PTRACE_INTERRUPT, thread, nullptr, nullptr) == 0);
  int status = 0;
  CHECK(waitpid(thread, &status, __WALL) == thread);
}

// What `main` does: its child is the program that is watched, and ends when there are so many reports.
inline int miss_what_is_held(int argc, char** argv, Holding holding, size_t reports = 1) {
  if (argc == 3) return hold_in_child(holding, reports, std::atoi(argv[1]), std::atoi(argv[2]));
  int told[2], said[2];
  CHECK(pipe(told) == 0 && pipe(said) == 0);
  const std::string tell = std::to_string(told[1]), listen = std::to_string(said[0]);
  const pid_t child = fork();
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    execl("/proc/self/exe", "late", tell.c_str(), listen.c_str(), nullptr);
    ::_exit(1);
  }

  char byte;
  CHECK(read(told[0], &byte, 1) == 1);
  const auto held = std::chrono::steady_clock::now();
  std::this_thread::sleep_until(held + kLimit * 17 / 20);
  const auto stopped = threads_of_the_watch(child);
  CHECK(!stopped.empty());
  for (pid_t thread : stopped) stop(thread);
  if (std::chrono::steady_clock::now() > held + kLimit * 19 / 20) {
    kill(child, SIGKILL);
    skip("this machine is too busy to stop the watch in time");
  }
  std::this_thread::sleep_until(held + kLimit * 3 / 2);
  CHECK(write(said[1], "x", 1) == 1);
  CHECK(read(told[0], &byte, 1) == 1 && byte == 'r');
  for (pid_t thread : stopped) CHECK(ptrace(PTRACE_DETACH, thread, nullptr, nullptr) == 0);
  int status = -1;
  CHECK(waitpid(child, &status, 0) == child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

}  // namespace harness
