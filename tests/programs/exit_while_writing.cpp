// The process ends exactly while a report is being written: by exit(), by main's return, by _exit from another thread; once the
// program's callback is called, or the first bytes of text or JSON are in their files. Time after time, as often as there is time
// for. No end hangs, and no line is cut; the last one may be if the process ends by _exit, which waits for nothing. Where JSON
// goes to a pipe that is full, the end waits until it is read.
// RUN-ENV: HOLDWATCH_LIMIT=20ms HOLDWATCH_SYMBOLIZE=names
// NO-BARE: the children end once they are reported
// EXPECT: \d+ processes ended while a report was being written; of \d+ that ended by exit\(\) or main's return, no line is cut
#include <fcntl.h>
#include <sys/wait.h>

#include <array>
#include <csignal>
#include <deque>
#include <string_view>

#include "shim/holdwatch.h"
#include "tests/programs/harness.h"
using namespace harness;

namespace {

constexpr size_t kLeast = 9;  // each way to end, at each moment
constexpr auto kTime = 10s;
constexpr std::array<const char*, 3> kWays = {"exit", "return", "_exit"};
constexpr std::array<const char*, 3> kMoments = {"callback", "LOG", "JSON"};
constexpr int kWaiters = 16;  // at places so different and deep that the report is many pages long
constexpr int kDepth = 4;

pthread_mutex_t g_lock = PTHREAD_MUTEX_INITIALIZER;
Event& g_called = *new Event;

void note_call(const char*, const char*, void*) {
  g_called.fire();
}

OWN_FRAME void wait_at_depth(int depth) {
  if (depth == 0) {
    CHECK(pthread_mutex_lock(&g_lock) == 0);
  } else {
    wait_at_depth(depth - 1);
  }
  asm volatile("");  // no tail call
}

void await_bytes(const char* option) {
  struct stat file;
  const char* const path = std::getenv((std::string("HOLDWATCH_") + option).c_str());
  while (::stat(path, &file) != 0 || file.st_size == 0) {
  }
}

// The parent says when, through a pipe in place of standard input.
void await_word() {
  char byte;
  CHECK(::read(STDIN_FILENO, &byte, 1) == 1);
}

// What a thread of the child does once the report is being written; main returns after it.
void end_at(std::string_view moment, std::string_view way) {
  if (moment == "callback")
    g_called.wait();
  else if (moment == "word")
    await_word();
  else
    await_bytes(moment.data());
  if (way == "exit") std::exit(0);
  if (way == "_exit") ::_exit(0);
}

int be_reported(const char* moment, const char* way) {
  HOLDWATCH_ON_REPORT(note_call, nullptr);
  HOLDWATCH_SET_LIMIT(&g_lock, std::chrono::nanoseconds(kPatience).count());
  CHECK(pthread_mutex_lock(&g_lock) == 0);
  std::deque<Thread>& threads = *new std::deque<Thread>;  // they last until the process ends
  for (int i = 1; i <= kWaiters; ++i) threads.emplace_back("waiter", [i] { wait_at_depth(i * kDepth); });
  for (const Thread& waiter : threads) waiter.wait_until_blocked_on(g_lock);
  HOLDWATCH_SET_LIMIT(&g_lock, 1);
  if (way == kWays[2])
    threads.emplace_back("leaver", [=] { end_at(moment, way); }).join();
  else
    end_at(moment, way);
  return 0;
}

pid_t start_child(const char* program, const std::string& files, const char* moment, const char* way, int input) {
  const pid_t child = ::fork();
  CHECK(child >= 0);
  if (child != 0) return child;
  ::dup2(input, STDIN_FILENO);
  ::setenv("HOLDWATCH_LOG", (files + ".text").c_str(), 1);
  ::setenv("HOLDWATCH_JSON", (files + ".json").c_str(), 1);
  ::execl(program, program, moment, way, nullptr);
  ::_exit(127);
}

int await_end(pid_t child) {
  int status = 0;
  const auto give_up = std::chrono::steady_clock::now() + kPatience;
  while (::waitpid(child, &status, WNOHANG) == 0) {
    if (std::chrono::steady_clock::now() > give_up) {
      ::kill(child, SIGKILL);
      CHECK(!"the child's end hangs");
    }
    ::usleep(1000);
  }
  return status;
}

// A kind of file: how a line of it begins, or continues the one before, and ends.
struct Lines {
  const char* suffix;
  std::string_view begin, more, end;
};
constexpr Lines kText = {".text", "holdwatch[", "  ", ""};
constexpr Lines kJson = {".json", "{\"event\":", "{\"event\":", "}"};

// Each line is whole, if there are any; the last one only if it has to be.
void check_lines(const std::string& files, const Lines& lines, bool last_is_whole) {
  const std::string path = files + lines.suffix;
  std::string text = read_file(path);
  if (!last_is_whole) text.resize(text.rfind('\n') + 1);
  for (size_t at = 0, newline; at < text.size(); at = newline + 1) {
    newline = text.find('\n', at);
    const std::string line = text.substr(at, newline - at);
    const bool is_right = line.starts_with(lines.begin) || line.starts_with(lines.more);
    if (newline != std::string::npos && is_right && line.ends_with(lines.end)) continue;
    std::printf("%s is cut after %zu bytes\n", path.c_str(), text.size());
    CHECK(!"a line is cut");
  }
  ::unlink(path.c_str());
}

// A named pipe of one page, to which a child writes JSON, and which is soon full.
class SmallPipe {
 public:
  explicit SmallPipe(std::string path) : path_(std::move(path)) {
    CHECK(::mkfifo(path_.c_str(), 0600) == 0);
    end_ = ::open(path_.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    CHECK(end_ >= 0 && ::fcntl(end_, F_SETPIPE_SZ, 4096) == 4096);
  }
  ~SmallPipe() {
    ::close(end_);
    ::unlink(path_.c_str());
  }
  SmallPipe(const SmallPipe&) = delete;
  SmallPipe& operator=(const SmallPipe&) = delete;

  void await_first_part() {
    do began_ = std::chrono::steady_clock::now();
    while (!read_part());
  }
  void read_rest() {
    while (read_part() || errno == EAGAIN)
      if (errno == EAGAIN) ::usleep(100);
  }

  const std::string& text() const { return text_; }
  // From before the first byte was written until the last one was read.
  std::chrono::nanoseconds took() const { return read_ - began_; }

 private:
  // False with EAGAIN where there is nothing yet, with 0 where nobody will write any more, or nobody has begun to.
  bool read_part() {
    char part[4096];
    errno = 0;
    const ssize_t size = ::read(end_, part, sizeof part);
    if (size <= 0) return false;
    text_.append(part, static_cast<size_t>(size));
    read_ = std::chrono::steady_clock::now();
    return true;
  }

  std::string path_;
  int end_ = -1;
  std::string text_;
  std::chrono::steady_clock::time_point began_, read_;
};

// The child ends while the pipe to which it writes is full. True if it was read on soon after: then it has to be all there.
bool ends_at_full_pipe(const char* program, const std::string& files, const char* way) {
  constexpr auto kGrace = 20ms;  // an exit waits for less than this for reports that are not being written
  constexpr auto kSoon = 150ms;  // and for more than this for one that is; so does whoever writes to a pipe
  SmallPipe json(files + kJson.suffix);
  int word[2];
  CHECK(::pipe2(word, O_CLOEXEC) == 0);
  const pid_t child = start_child(program, files, "word", way, word[0]);
  ::close(word[0]);
  json.await_first_part();
  CHECK(::write(word[1], "x", 1) == 1);
  ::close(word[1]);
  std::this_thread::sleep_for(kGrace);
  json.read_rest();
  CHECK(await_end(child) == 0);
  check_lines(files, kText, true);
  if (json.took() > kSoon) return false;
  CHECK(json.text().starts_with(kJson.begin) && json.text().ends_with("}\n"));
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 3) return be_reported(argv[1], argv[2]);
  const std::string directory = std::string(std::getenv("HOLDWATCH_JSON")) + ".children";
  CHECK(::mkdir(directory.c_str(), 0700) == 0);
  size_t ends = 0, by_exit = 0;
  const auto began = std::chrono::steady_clock::now();
  for (; ends < kLeast || std::chrono::steady_clock::now() - began < kTime; ++ends) {
    const char* const way = kWays[ends % kWays.size()];
    const char* const moment = kMoments[ends / kWays.size() % kMoments.size()];
    const bool is_by_exit = way != kWays[2];
    const std::string files = directory + "/" + std::to_string(ends) + "." + way + "." + moment;
    CHECK(await_end(start_child(argv[0], files, moment, way, STDIN_FILENO)) == 0);
    for (const Lines& lines : {kText, kJson}) check_lines(files, lines, is_by_exit);
    by_exit += is_by_exit ? 1 : 0;
  }
  size_t at_full_pipe = 0;
  for (int i = 0; i < 6; ++i)
    if (ends_at_full_pipe(argv[0], directory + "/pipe" + std::to_string(i), kWays[i % 2])) ++at_full_pipe;
  if (at_full_pipe == 0) leave_out("this machine is too busy to read a pipe on in time");
  std::fprintf(stderr,
               "%zu processes ended while a report was being written; of %zu that ended by exit() or main's return, no "
               "line is cut\n",
               ends, by_exit);
}
