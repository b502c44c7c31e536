// For test programs: until some thread of the program sleeps in a futex call on a word. The word's value does not tell that: a
// thread writes it before it goes to sleep.
#pragma once

#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>

inline bool is_slept_on(const void* word) {
  char wanted[64];
  std::snprintf(wanted, sizeof wanted, "202 %p ", word);  // SYS_futex, and its first argument
  std::error_code error;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task", error)) {
    std::string line;
    std::getline(std::ifstream(task.path() / "syscall"), line);
    if (line.starts_with(wanted)) return true;
  }
  return false;
}

inline void await_sleep_on(const void* word) {
  while (!is_slept_on(word)) usleep(1000);
}
