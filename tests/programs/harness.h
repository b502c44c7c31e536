// What the test programs need to bring threads into an order. All of it is built on pipes and /proc: a mutex or
// condition variable in here would be one more lock for the watch to record.
#pragma once

#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <functional>
#include <set>
#include <string>
#include <thread>
#include <utility>

namespace harness {

using namespace std::chrono_literals;

// Ends the program with a line that names what is not so.
#define CHECK(condition)                                                  \
  do {                                                                    \
    if (!(condition)) {                                                   \
      std::printf("%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
      std::fflush(stdout);                                                \
      ::_exit(1);                                                         \
    }                                                                     \
  } while (false)

// A function whose frame a test looks for: neither inlined, nor cloned, nor folded with one that has the same body.
#if defined(__clang__)
#define OWN_FRAME [[gnu::noinline]]
#else
#define OWN_FRAME [[gnu::noipa]]
#endif

// Ends the program, and with it its test: this machine cannot show what it is about.
[[noreturn]] inline void skip(const char* reason) {
  constexpr int kSkipped = 77;  // for meson
  std::printf("skipped: %s\n", reason);
  std::fflush(stdout);
  ::_exit(kSkipped);
}

// Says that a part of the test cannot be shown here: as tests/abilities.py.
inline void leave_out(const char* reason) {
  std::printf("left out: %s\n", reason);
  std::fflush(stdout);
}

// Happens once; every wait, before or after, then returns. A pipe whose writing end is closed: a read of it is a system
// call that can be told from waiting for a lock. Not for use across fork, which duplicates the writing end.
class Event {
 public:
  Event() { CHECK(::pipe2(ends_, O_CLOEXEC) == 0); }
  ~Event() {
    fire();
    ::close(ends_[0]);
  }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  void fire() {
    const int end = std::exchange(ends_[1], -1);
    if (end >= 0) ::close(end);
  }

  void wait() const {
    char byte;
    while (::read(ends_[0], &byte, 1) < 0) CHECK(errno == EINTR);
  }

 private:
  int ends_[2];
};

inline std::string read_file(const std::string& path) {
  std::string text;
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return text;
  char part[4096];
  for (ssize_t size; (size = ::read(file, part, sizeof part)) > 0;) text.append(part, static_cast<size_t>(size));
  ::close(file);
  return text;
}

inline void pause_briefly() {
  std::this_thread::sleep_for(10ms);
}

// A thread with a name, joined at the end of its scope.
class Thread {
 public:
  Thread(const char* name, std::function<void()> work) : work_(std::move(work)), thread_([this, name] { run(name); }) {}
  ~Thread() { join(); }
  Thread(const Thread&) = delete;
  Thread& operator=(const Thread&) = delete;

  void join() {
    if (thread_.joinable()) thread_.join();
  }

  pthread_t handle() { return thread_.native_handle(); }

  pid_t tid() const {
    while (tid_.load() == 0) pause_briefly();
    return tid_.load();
  }

  // Returns once the thread is inside a futex call on a word of `object`: then it surely waits for it.
  template <typename T>
  void wait_until_blocked_on(const T& object) const {
    const auto start = reinterpret_cast<uintptr_t>(&object);
    uintptr_t word = 0;
    while (!futex_word(&word) || word < start || word >= start + sizeof object) pause_briefly();
  }

  // Returns once the thread is blocked in the system call with this number.
  void wait_until_blocked_in(long number) const {
    long current = -1;
    uintptr_t argument = 0;
    while (!system_call(&current, &argument) || current != number) pause_briefly();
  }

 private:
  void run(const char* name) {
    ::pthread_setname_np(::pthread_self(), name);
    tid_.store(static_cast<pid_t>(::syscall(SYS_gettid)));
    work_();
  }

  bool system_call(long* number, uintptr_t* first_argument) const {
    const std::string line = read_file("/proc/self/task/" + std::to_string(tid()) + "/syscall");
    return std::sscanf(line.c_str(), "%ld %" SCNxPTR, number, first_argument) == 2;
  }

  bool futex_word(uintptr_t* word) const {
    long number = -1;
    return system_call(&number, word) && number == SYS_futex;
  }

  std::function<void()> work_;
  std::atomic<pid_t> tid_{0};
  std::thread thread_;  // last: it starts at once and uses the members above
};

inline bool is_watched() {
  return std::getenv("HOLDWATCH_JSON") != nullptr;
}

// The time as reports have it: of two such texts the later one is the greater one.
inline std::string wall_clock_text(std::chrono::nanoseconds from_now = {}) {
  timespec now;
  ::clock_gettime(CLOCK_REALTIME, &now);
  const auto then = std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec) + from_now;
  now.tv_sec = static_cast<time_t>(then / 1s);
  now.tv_nsec = static_cast<long>(then % 1s / 1ns);
  tm parts;
  char second[32], text[48];
  std::strftime(second, sizeof second, "%Y-%m-%dT%H:%M:%S", ::gmtime_r(&now.tv_sec, &parts));
  std::snprintf(text, sizeof text, "%s.%03ldZ", second, now.tv_nsec / 1'000'000);
  return text;
}

// How many reports of what was found after this time the JSON output has by now: of holds in this phase, of another event
// that has just begun, or of an event in a phase ("deadlock still").
inline size_t count_reports(const std::string& what, const std::string& after = "") {
  static const std::set<std::string> phases = {"over", "still", "released", "late", "snapshot"};
  const size_t space = what.find(' ');
  const std::string event = phases.contains(what) ? "hold" : what.substr(0, space);
  const std::string phase = phases.contains(what) ? what : space == std::string::npos ? "over" : what.substr(space + 1);
  const std::string wanted = R"("event":")" + event + R"(","phase":")" + phase + R"(","time":")";
  std::string text = read_file(std::getenv("HOLDWATCH_JSON"));
  text.resize(text.rfind('\n') + 1);  // a line that is still being written would be cut off if the program ended now
  size_t count = 0;
  for (size_t at = text.find(wanted); at != std::string::npos; at = text.find(wanted, at + 1))
    if (text.compare(at + wanted.size(), after.size(), after) > 0 || after.empty()) ++count;
  return count;
}

// How long a program waits for a report that should be there in a moment. On a machine that is busy with other things it is not.
inline constexpr auto kPatience = 60s;

// Returns once the watch has reported this so often; at once where there is no watch. By this a program holds a lock
// until it has been noticed, rather than for a time that a busy machine might stretch or outrun.
inline void await_report(const std::string& what, size_t count = 1, const std::string& after = "") {
  if (!is_watched()) return;
  const auto give_up = std::chrono::steady_clock::now() + kPatience;
  while (count_reports(what, after) < count) {
    if (std::chrono::steady_clock::now() > give_up) {
      std::printf("no report \"%s\" (number %zu) within a minute\n", what.c_str(), count);
      std::fflush(stdout);
      ::_exit(1);
    }
    pause_briefly();
  }
}

// The same for one of what is found from now on: it has surely seen whatever the program has done until now. The next one
// that is written need not have.
inline void await_next_report(const std::string& what) {
  await_report(what, 1, wall_clock_text());
}

// Returns once something stands on standard error, a file that was empty; at once where there is no watch. Allocates
// nothing: for programs in which nobody can.
inline void await_standard_error() {
  for (int round = 0; is_watched() && round < 2000 && lseek(STDERR_FILENO, 0, SEEK_END) == 0; ++round) pause_briefly();
}

// Returns once this stands on standard error, a file; at once where there is no watch. Allocates nothing, as above.
inline void await_words(const char* words) {
  static char text[65536];
  for (int round = 0; is_watched() && round < 2000; ++round) {
    const ssize_t size = ::pread(STDERR_FILENO, text, sizeof text - 1, 0);
    text[size < 0 ? 0 : size] = '\0';
    if (std::strstr(text, words) != nullptr) return;
    pause_briefly();
  }
}

// How many reports of holds in this phase name this thread.
inline size_t count_reports_of(const std::string& phase, const std::string& name) {
  const std::string text = read_file(std::getenv("HOLDWATCH_JSON"));
  size_t count = 0;
  size_t start = 0;
  for (size_t end; (end = text.find('\n', start)) != std::string::npos; start = end + 1) {
    const std::string line = text.substr(start, end - start);
    const bool in_phase = line.find(R"("event":"hold","phase":")" + phase + '"') != std::string::npos;
    const bool is_named = line.find(R"("thread":")" + name + '"') != std::string::npos;
    const bool has_no_name = line.find(R"("thread":"")") != std::string::npos;  // where /proc is not to be had
    count += in_phase && (is_named || has_no_name) ? 1u : 0u;
  }
  return count;
}

inline void await_report_of(const std::string& phase, const std::string& name, size_t count) {
  const auto give_up = std::chrono::steady_clock::now() + kPatience;
  while (is_watched() && count_reports_of(phase, name) < count) {
    CHECK(std::chrono::steady_clock::now() < give_up);
    pause_briefly();
  }
}

// A thread with this name takes a lock and keeps it until it has been reported, and its release too.
inline void hold_until_reported(const char* name) {
  const size_t number = is_watched() ? count_reports_of("over", name) + 1 : 0;
  pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
  Event release;
  Thread holder(name, [&] {
    CHECK(pthread_mutex_lock(&lock) == 0);
    release.wait();
    CHECK(pthread_mutex_unlock(&lock) == 0);
  });
  await_report_of("over", name, number);
  release.fire();
  await_report_of("released", name, number);
}

// For programs that must not be reported: long enough for a watch that errs to speak. Shorter where there is none.
inline void sleep_past_limit() {
  std::this_thread::sleep_for(is_watched() ? 900ms : 10ms);
}

// From now on as another user, whose own /proc files the kernel closes to it; skips the test where we are not root. What the
// watch has made by now stays readable to the program.
inline void give_up_root() {
  if (geteuid() != 0) skip("only root can give root up");
  constexpr uid_t kNobody = 65534;
  const char* directory = std::getenv("HARNESS_TMP");
  if (directory != nullptr) CHECK(::chmod(directory, 0777) == 0);
  if (is_watched()) ::chmod(std::getenv("HOLDWATCH_JSON"), 0666);
  CHECK(::setgroups(0, nullptr) == 0 && ::setresgid(kNobody, kNobody, kNobody) == 0);
  CHECK(::setresuid(kNobody, kNobody, kNobody) == 0);
}

// A path in the directory that the runner removes afterwards.
inline std::string temporary_path(const char* name) {
  const char* directory = std::getenv("HARNESS_TMP");
  return std::string(directory != nullptr ? directory : "/tmp") + "/" + name;
}

}  // namespace harness
