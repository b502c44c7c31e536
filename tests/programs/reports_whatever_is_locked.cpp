// Threads hold libc's locks for ever, each of them, taken once the watch has begun: the list of streams, a stream, standard
// error's, the loader's two, the time zone's, the locale's, the environment's, the exit functions', and the heaps'. Two later stalls of two other locks, by
// threads that need none of it, are told in full.
// RUN-ENV: HOLDWATCH_LIMIT=300ms LOCPATH={tmp}
// NO-BARE: the program waits for what is told of it
// EXPECT-JSON: {"first", "second"} <= held_by(over) and {"first waiter", "second waiter"} <= waited_by(over)
// EXPECT-JSON: all(has(h["taken"], "takes_the_lock") and frame(h["now"], "takes_the_lock")["line"] == line("held here")
//     for event in over for h in event["holders"] if h["thread"] in ("first", "second"))
#include <dlfcn.h>
#include <link.h>
#include <locale.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>

#include <csignal>
#include <cstring>
#include <deque>

#include "tests/programs/harness.h"
#include "tests/programs/plugin_that_waits.h"
using namespace harness;

namespace {

constexpr size_t kPage = 4096;

[[noreturn]] void stay(int = 0) {
  while (true) pause();
}

// Whoever touches the page sleeps for ever in the handler, with what it has locked.
void forbid(uintptr_t address, size_t size = kPage) {
  CHECK(mprotect(reinterpret_cast<void*>(address), size, PROT_NONE) == 0);
}

std::string in_tmp(const char* name) {
  return std::string(std::getenv("HARNESS_TMP")) + "/" + name;
}

void reads_silent_stdin() {
  std::getchar();
}
void flushes_all_streams() {
  std::fflush(nullptr);
}
void has_standard_error() {
  flockfile(stderr);
  stay();
}

// Both files are pipes that nobody writes into: opening them waits.
void sets_time_zone() {
  setenv("TZ", (":" + in_tmp("zone")).c_str(), 1);
  tzset();
}
void sets_locale() {
  setlocale(LC_CTYPE, "piped");
}

// setenv compares the names of what is there, one of which cannot be read.
void sets_variable() {
  void* const page = mmap(nullptr, kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(page != MAP_FAILED);
  strcpy(static_cast<char*>(page), "UNREADABLE=1");
  CHECK(putenv(static_cast<char*>(page)) == 0);
  forbid(reinterpret_cast<uintptr_t>(page));
  setenv("ANOTHER_THAT_IS_NEW", "1", 1);
}

// The heap's unused end cannot be written to: malloc stops where it cuts a piece off, with the heap locked.
void allocates_from_heap() {
  volatile char* const part = static_cast<char*>(malloc(3 * kPage));
  forbid((reinterpret_cast<uintptr_t>(part) + 4 * kPage) & ~(kPage - 1));
  for (int i = 0; i < 64; ++i) CHECK(malloc(kPage / 2) != nullptr);
}

// The same inside of atexit, which takes a piece for every 32 functions.
void registers_at_exit() {
  volatile char* const part = static_cast<char*>(malloc(3 * kPage));
  forbid((reinterpret_cast<uintptr_t>(part) + 4 * kPage) & ~(kPage - 1));
  for (int i = 0; i < 2000; ++i) CHECK(atexit([] {}) == 0);
}

// Called in dlopen, with the loader's lock taken by then.
void loads_plugin() {
  dlopen(plugin_that_waits().c_str(), RTLD_NOW);
}
void walks_modules() {
  dl_iterate_phdr([](dl_phdr_info*, size_t, void*) -> int { stay(); }, nullptr);
}

void takes_the_lock(pthread_mutex_t& lock, Event& go, Event& taken) {
  go.wait();
  CHECK(pthread_mutex_lock(&lock) == 0);
  taken.fire();
  stay();  // held here
}
void waits_for_the_lock(pthread_mutex_t& lock, Event& taken) {
  taken.wait();
  pthread_mutex_lock(&lock);
}

// Nothing here allocates.
size_t count_in_reports(const char* text) {
  static char read_so_far[1 << 20];
  const int file = ::open(std::getenv("HOLDWATCH_JSON"), O_RDONLY | O_CLOEXEC);
  const ssize_t size = file < 0 ? 0 : ::read(file, read_so_far, sizeof read_so_far - 1);
  if (file >= 0) ::close(file);
  read_so_far[std::max<ssize_t>(size, 0)] = '\0';
  size_t count = 0;
  for (const char* at = read_so_far; (at = strstr(at, text)) != nullptr; ++at) ++count;
  return count;
}

}  // namespace

int main() {
  int silent[2];
  CHECK(pipe(silent) == 0 && dup2(silent[0], STDIN_FILENO) == STDIN_FILENO);
  CHECK(mkfifo(in_tmp("zone").c_str(), 0600) == 0 && mkdir(in_tmp("piped").c_str(), 0700) == 0);
  CHECK(mkfifo(in_tmp("piped/LC_CTYPE").c_str(), 0600) == 0);
  struct sigaction action {};
  action.sa_handler = stay;
  CHECK(sigaction(SIGSEGV, &action, nullptr) == 0);
  CHECK(pthread_mutex_lock(&wanted_by_constructor) == 0);

  static Event taken[2], go[2];
  static pthread_mutex_t locks[2] = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER};
  static Thread first("first", [] { takes_the_lock(locks[0], go[0], taken[0]); });
  static Thread second("second", [] { takes_the_lock(locks[1], go[1], taken[1]); });
  static Thread first_waiter("first waiter", [] { waits_for_the_lock(locks[0], taken[0]); });
  static Thread second_waiter("second waiter", [] { waits_for_the_lock(locks[1], taken[1]); });

  constexpr void (*kHolders[])() = {reads_silent_stdin, flushes_all_streams, has_standard_error, loads_plugin,
                                    walks_modules,      sets_time_zone,      sets_locale,        sets_variable,
                                    registers_at_exit,  allocates_from_heap};
  constexpr size_t kCount = std::size(kHolders);
  static Event begin[kCount];
  static std::deque<Thread> holders;
  for (size_t i = 0; i < kCount; ++i)
    holders.emplace_back("holds something", [i, &kHolders] {
      begin[i].wait();
      kHolders[i]();
    });
  // The threads are there; from now on nobody but they may need anything of libc's.
  static Thread director("director", [] {
    for (Event& event : begin) {
      event.fire();
      usleep(50'000);  // each is to find the others' locks free that it needs itself; if it does not, less is locked
    }
    go[0].fire();
    // The first two are of main's mutex and of standard error.
    for (int round = 0; count_in_reports("\"phase\":\"over\"") < 3 && round < 2000; ++round) usleep(10'000);
    go[1].fire();
    for (int round = 0; count_in_reports("\"phase\":\"over\"") < 4 && round < 2000; ++round) usleep(10'000);
    _exit(0);
  });
  allocates_from_heap();  // the main thread's heap is another one
  stay();
}
