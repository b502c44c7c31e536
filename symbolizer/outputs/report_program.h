// ON_REPORT=exec:PATH: runs a program with the report's JSON line on its standard input, without the watched program
// noticing a child: no SIGCHLD, nothing that its wait() could return, no inherited descriptor.
// Cold context; one thread, which must not exit while the program runs.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace holdwatch {

class ReportProgram {
 public:
  // `path` must be absolute. Its environment is that of this process at its start, without LD_PRELOAD, so that the
  // program is not watched itself.
  explicit ReportProgram(std::string path);
  // Waits until a program that was just started has begun, but not for its end: it keeps running.
  ~ReportProgram();
  ReportProgram(const ReportProgram&) = delete;
  ReportProgram& operator=(const ReportProgram&) = delete;

  // Starts it and does not wait for it. One at a time for each object: returns EBUSY while the previous one still runs
  // (it is killed after 30 s), another errno if it could not be started, otherwise 0.
  int start(std::string_view json);

  // Waits for the running one, at most this long. True if none is running afterwards.
  bool wait(int timeout_ms);

 private:
  struct ProgramStart;
  struct Text {
    std::string path;
    std::vector<std::string> environment;
    std::vector<char*> environment_pointers;
  };
  bool reap();
  bool await_begin() const;

  std::unique_ptr<Text> text_;      // read by the program until it begins
  unsigned char* stack_ = nullptr;  // the supervisor's, which shares our memory
  ProgramStart* start_ = nullptr;
  pid_t supervisor_ = -1;
};

}  // namespace holdwatch
