// Arguments that belong together, in words: from structures in this process's memory.
#include "symbolizer/activity/arguments.h"

#include <arpa/inet.h>
#include <linux/futex.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/time.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "symbolizer/unwind/process_memory.h"
#include "tests/catch.h"

using namespace holdwatch;

namespace {

CallContext ours() {
  static ProcessMemory memory(getpid());
  return {ThreadFiles::of_ours(gettid()), &memory, "", {}};
}

template <typename T>
uint64_t at(const T& value) {
  return reinterpret_cast<uintptr_t>(&value);
}

std::string whole(char letter, std::initializer_list<uint64_t> arguments) {
  SystemCall call{};
  call.known = true;
  size_t i = 0;
  for (const uint64_t argument : arguments) call.arguments[i++] = argument;
  const std::optional<std::string> text = describe_whole_call(letter, call, ours());
  REQUIRE(text);
  return *text;
}

uint64_t ms(int value) {
  // As the kernel shows an int that a program put into a register: the upper half may hold anything.
  return 0xabcd'0000'0000 | static_cast<uint32_t>(value);
}

// Descriptors with numbers that are free of everything else.
struct Events {
  Events() {
    for (const int number : numbers) REQUIRE(dup2(original, number) == number);
  }
  ~Events() {
    for (const int number : numbers) close(number);
    close(original);
  }
  static constexpr int numbers[] = {100, 101, 102, 103};
  int original = eventfd(0, EFD_CLOEXEC);
};

}  // namespace

TEST_CASE("poll names up to three descriptors, how many there are, and the time-out") {
  const Events events;
  const pollfd entries[4] = {{100, POLLIN, 0}, {101, POLLIN, 0}, {102, POLLIN, 0}, {103, POLLIN, 0}};
  CHECK(whole('P', {at(entries), 1, ms(3000)}) == "fd 100 eventfd; timeout 3 s");
  CHECK(whole('P', {at(entries), 2, ms(-1)}) == "2 fds: 100 eventfd, 101 eventfd; no timeout");
  CHECK(whole('P', {at(entries), 4, ms(50)}) == "4 fds: 100 eventfd, 101 eventfd, 102 eventfd, ...; timeout 50 ms");
  CHECK(whole('P', {0, 0, ms(50)}) == "no fds; timeout 50 ms");
  CHECK(whole('P', {0, 7, ms(50)}) == "up to 7 fds; timeout 50 ms");
}

TEST_CASE("an entry of poll with a negative descriptor is switched off") {
  const Events events;
  const pollfd entries[4] = {{-1, POLLIN, 0}, {101, POLLIN, 0}, {-101, POLLIN, 0}, {-1, 0, 0}};
  CHECK(whole('P', {at(entries), 4, ms(50)}) == "fd 101 eventfd; timeout 50 ms");
  CHECK(whole('P', {at(entries), 1, ms(50)}) == "no fds; timeout 50 ms");
  std::vector<pollfd> many(1000, pollfd{-1, POLLIN, 0});
  many[999].fd = 103;
  CHECK(whole('P', {reinterpret_cast<uintptr_t>(many.data()), many.size(), ms(-1)}) == "fd 103 eventfd; no timeout");
}

TEST_CASE("ppoll has its time-out in memory, or none") {
  const timespec time = {1, 500'000'000};
  CHECK(whole('Q', {0, 0, at(time)}) == "no fds; timeout 1.5 s");
  CHECK(whole('Q', {0, 0, 0}) == "no fds; no timeout");
  CHECK(whole('Q', {0, 0, 8}) == "no fds");
}

TEST_CASE("select names the descriptors of all three sets, each once, below its limit") {
  const Events events;
  fd_set readers, writers;
  FD_ZERO(&readers);
  FD_ZERO(&writers);
  FD_SET(100, &readers);
  FD_SET(100, &writers);
  FD_SET(101, &writers);
  FD_SET(103, &readers);
  const timeval time = {3, 250'000};
  CHECK(whole('S', {103, at(readers), at(writers), 0, at(time)}) == "2 fds: 100 eventfd, 101 eventfd; timeout 3.25 s");
  CHECK(whole('S', {0, 0, 0, 0, 0}) == "no fds; no timeout");
  const timespec nine = {9, 0};
  CHECK(whole('R', {101, at(readers), 0, 0, at(nine)}) == "fd 100 eventfd; timeout 9 s");
  CHECK(whole('R', {FD_SETSIZE, at(readers), 0, 0, 0}) == "2 fds: 100 eventfd, 103 eventfd; no timeout");
  CHECK(whole('R', {UINT64_MAX, at(readers), 0, 0, 0}) == "no fds; no timeout");
  CHECK(whole('R', {100, 8, 0, 0, 0}) == "fds below 100; no timeout");
  const timeval microseconds = {0, 2'500'000};
  CHECK(whole('S', {0, 0, 0, 0, at(microseconds)}) == "no fds; timeout 2.5 s");
}

TEST_CASE("a sleep says how long, or until when from now") {
  const timespec time = {3, 0};
  CHECK(whole('N', {at(time), 0}) == "3 s");
  CHECK(whole('C', {CLOCK_MONOTONIC, 0, at(time)}) == "3 s");
  const timespec never = {1'000'000'000, 0};
  CHECK(Catch::endsWith(whole('C', {CLOCK_MONOTONIC, TIMER_ABSTIME, at(never)}), " from now"));
  const timespec long_ago = {0, 1};
  CHECK(whole('C', {CLOCK_MONOTONIC, TIMER_ABSTIME, at(long_ago)}) == "until now");
}

TEST_CASE("a time that is unreadable or invalid is left out") {
  const timespec bad[] = {{-1, 0}, {0, -1}, {0, 1'000'000'000}, {INT64_MAX, 0}};
  for (const timespec& time : bad) CHECK(whole('N', {at(time), 0}) == "...");
  CHECK(whole('N', {8, 0}) == "...");
  const timeval bad_timeout = {1, -1};
  CHECK(whole('S', {0, 0, 0, 0, at(bad_timeout)}) == "no fds");
  CHECK(whole('C', {CLOCK_MONOTONIC, 0, 8}) == "...");
}

TEST_CASE("a sleep by processor time says so") {
  const timespec three = {3, 0}, never = {1'000'000'000, 0};
  CHECK(whole('C', {CLOCK_PROCESS_CPUTIME_ID, 0, at(three)}) == "3 s of CPU time");
  for (const clockid_t clock : {CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID, -6, -2, ~gettid() * 8 + 6})
    CHECK(Catch::endsWith(whole('C', {static_cast<uint32_t>(clock), TIMER_ABSTIME, at(never)}), " more CPU time"));
}

timespec seconds_from_now(clockid_t clock, time_t seconds) {
  timespec time{};
  clock_gettime(clock, &time);
  time.tv_sec += seconds;
  return time;
}

// "timeout in 14 min 59 s": what is left of 900 s.
bool is_in_900_s(const std::string& text, const std::string& prefix) {
  return text.starts_with(prefix + "timeout in 14 min");
}

TEST_CASE("a futex is an address, and waits for as long as its operation says") {
  CHECK(whole('U', {0x7ffc1234}) == "0x7ffc1234");
  const timespec three = {3, 0};
  const timespec soon = seconds_from_now(CLOCK_MONOTONIC, 900);
  const timespec soon_by_wall = seconds_from_now(CLOCK_REALTIME, 900);
  CHECK(whole('U', {0x8, FUTEX_WAIT_PRIVATE, 0, at(three)}) == "0x8, timeout 3 s");
  CHECK(is_in_900_s(whole('U', {0x8, FUTEX_WAIT_BITSET, 0, at(soon)}), "0x8, "));
  CHECK(is_in_900_s(whole('U', {0x8, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 0, at(soon_by_wall)}), "0x8, "));
  CHECK(is_in_900_s(whole('U', {0x8, FUTEX_LOCK_PI_PRIVATE, 0, at(soon_by_wall)}), "0x8, "));
  CHECK(is_in_900_s(whole('U', {0x8, FUTEX_WAIT_REQUEUE_PI, 0, at(soon)}), "0x8, "));
  // Of a call that does not wait the same argument is a count.
  CHECK(whole('U', {0x8, FUTEX_CMP_REQUEUE, 0, 3}) == "0x8");
  CHECK(is_in_900_s(whole('F', {0x8, 0, 0, 2, at(soon), CLOCK_MONOTONIC}), "0x8, "));
  CHECK(is_in_900_s(whole('V', {0x8, 3, 0, at(soon_by_wall), CLOCK_REALTIME}), "3 futexes, "));
  CHECK(whole('U', {0x8, FUTEX_WAIT_BITSET, 0, at(three)}) == "0x8, timeout now");
}

TEST_CASE("a ring waits with the timeout of its extended argument, and may be no descriptor") {
  const timespec three = {3, 0};
  const struct { uint64_t signals, size, timeout; } argument = {0, 0, at(three)};
  CHECK(whole('I', {999'999, 0, 1, 8, at(argument)}) == "fd 999999 (closed); timeout 3 s");
  CHECK(whole('I', {2, 0, 1, 16 | 8, at(argument)}) == "registered ring 2; timeout 3 s");
  CHECK(whole('I', {2, 0, 1, 16 | 8 | 32, at(argument)}) == "registered ring 2");
}

TEST_CASE("connect says where it wants to go, from its own argument") {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(443);
  REQUIRE(inet_pton(AF_INET, "10.2.3.4", &address.sin_addr) == 1);
  CHECK(whole('A', {5, at(address), sizeof address}) == "fd 5 -> 10.2.3.4:443");
  CHECK(whole('A', {5, 8, sizeof address}) == "fd 5");
  CHECK(whole('A', {5, at(address), UINT64_MAX}) == "fd 5 -> 10.2.3.4:443");
}

TEST_CASE("a letter for one argument is no whole call") {
  CHECK_FALSE(describe_whole_call('d', {}, ours()));
}

TEST_CASE("a path is read up to its end, cut if it is long, and never beyond what is mapped") {
  CHECK(read_path(0, ours()).empty());
  CHECK(read_path(reinterpret_cast<uintptr_t>("/etc/x\n"), ours()) == "/etc/x\\x0a");
  CHECK(read_path(8, ours()) == "?");
  const std::string very_long(1000, 'x');
  CHECK(read_path(reinterpret_cast<uintptr_t>(very_long.data()), ours()) == std::string(256, 'x') + "...");

  constexpr size_t kPage = 4096;
  char* const pages =
      static_cast<char*>(mmap(nullptr, 2 * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  munmap(pages + kPage, kPage);
  pages[kPage - 3] = 'a';
  pages[kPage - 2] = 'b';
  CHECK(read_path(reinterpret_cast<uintptr_t>(pages + kPage - 3), ours()) == "ab");
  munmap(pages, kPage);
}
