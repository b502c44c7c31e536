// See arguments.h.
#include "symbolizer/cause/arguments.h"

#include <poll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <vector>

#include "symbolizer/cause/descriptors.h"
#include "symbolizer/cause/words.h"

namespace holdwatch {
namespace {

constexpr size_t kDescriptorsShown = 3;
constexpr size_t kPathShown = 256;
constexpr int64_t kNanosecondsPerSecond = 1'000'000'000;

std::optional<uint64_t> nanoseconds(int64_t seconds, int64_t rest_ns) {
  // More than a program can mean in earnest, and less than overflows.
  constexpr int64_t kMostSeconds = INT64_MAX / kNanosecondsPerSecond - 1;
  if (seconds < 0 || seconds > kMostSeconds || rest_ns < 0 || rest_ns >= kNanosecondsPerSecond) return std::nullopt;
  return static_cast<uint64_t>(seconds * kNanosecondsPerSecond + rest_ns);
}

std::optional<uint64_t> read_timespec(uintptr_t address, MemoryReader& memory) {
  const auto time = memory.read_value<timespec>(address);
  return time ? nanoseconds(time->tv_sec, time->tv_nsec) : std::nullopt;
}

std::string timeout(std::optional<uint64_t> ns) {
  return ns ? "timeout " + duration_in_words(*ns) : "";
}

std::string with_timeout(std::string text, const std::string& timeout) {
  return timeout.empty() ? text : text + "; " + timeout;
}

// "no fds", "fd 5 -> 10.2.3.4:443", "40 fds: 5 /dev/tty, 7 epoll, 9 eventfd, ...". `descriptors` are the first of `count`.
std::string describe_set(const std::vector<int>& descriptors, uint64_t count, pid_t process) {
  if (count == 0) return "no fds";
  std::string list;
  const size_t shown = std::min(descriptors.size(), kDescriptorsShown);
  for (size_t i = 0; i < shown; ++i) {
    if (i != 0) list += ", ";
    list += describe_descriptor(descriptors[i], Direction::any, process);
  }
  if (count == 1 && shown == 1) return "fd " + list;
  std::string text = std::to_string(count) + " fds";
  if (shown != 0) text += ": " + list;
  return count > shown && shown != 0 ? text + ", ..." : text;
}

std::string describe_polled(const SystemCall& call, MemoryReader& memory, pid_t process) {
  const uint64_t count = call.arguments[1];
  std::vector<int> descriptors;
  for (uint64_t i = 0; i < std::min<uint64_t>(count, kDescriptorsShown); ++i) {
    const auto entry = memory.read_value<pollfd>(call.arguments[0] + i * sizeof(pollfd));
    if (!entry) break;
    descriptors.push_back(entry->fd);
  }
  return describe_set(descriptors, count, process);
}

// The descriptors in any of select's three sets. The kernel reads as many whole words as `limit` bits need, no more.
std::string describe_selected(const SystemCall& call, MemoryReader& memory, pid_t process) {
  constexpr uint64_t kBits = 64;
  const uint64_t limit = std::min<uint64_t>(call.arguments[0], FD_SETSIZE);
  std::vector<int> descriptors;
  for (uint64_t first = 0; first < limit; first += kBits) {
    uint64_t word = 0;
    for (const size_t set : {size_t{1}, size_t{2}, size_t{3}})
      if (call.arguments[set] != 0) word |= memory.read_value<uint64_t>(call.arguments[set] + first / 8).value_or(0);
    for (uint64_t bit = 0; bit < kBits && first + bit < limit; ++bit)
      if ((word >> bit & 1) != 0) descriptors.push_back(static_cast<int>(first + bit));
  }
  return describe_set(descriptors, descriptors.size(), process);
}

std::string describe_timeval_at(uintptr_t address, MemoryReader& memory) {
  if (address == 0) return "no timeout";
  const auto time = memory.read_value<timeval>(address);
  if (!time || time->tv_usec < 0 || time->tv_usec >= 1'000'000) return "";
  return timeout(nanoseconds(time->tv_sec, time->tv_usec * 1000));
}

// "3 s", or for an absolute time what is left of it: "until 3 s from now".
std::string describe_clock_sleep(const SystemCall& call, MemoryReader& memory) {
  const std::optional<uint64_t> ns = read_timespec(call.arguments[2], memory);
  if (!ns) return "...";
  if ((call.arguments[1] & TIMER_ABSTIME) == 0) return duration_in_words(*ns);
  timespec now{};
  const auto clock = static_cast<clockid_t>(call.arguments[0]);
  const auto now_ns = clock_gettime(clock, &now) == 0 ? nanoseconds(now.tv_sec, now.tv_nsec) : std::nullopt;
  if (!now_ns) return "...";
  return "until " + (*ns > *now_ns ? duration_in_words(*ns - *now_ns) + " from now" : "now");
}

// A socket that is still connecting has no peer yet: where it wants to go stands in the call's own argument.
std::string describe_connecting(const SystemCall& call, MemoryReader& memory) {
  std::array<char, sizeof(sockaddr_storage)> bytes;
  const size_t length = std::min<uint64_t>(call.arguments[2], bytes.size());
  const std::string target = describe_address({bytes.data(), memory.read(call.arguments[1], bytes.data(), length)});
  return "fd " + std::to_string(static_cast<int32_t>(call.arguments[0])) + (target.empty() ? "" : " -> " + target);
}

}  // namespace

std::string describe_timeout_at(uintptr_t address, MemoryReader& memory) {
  return address == 0 ? "no timeout" : timeout(read_timespec(address, memory));
}

std::string describe_timeout_ms(uint64_t argument) {
  const auto ms = static_cast<int32_t>(static_cast<uint32_t>(argument));
  return ms < 0 ? "no timeout" : timeout(static_cast<uint64_t>(ms) * 1'000'000);
}

std::string read_path(uintptr_t address, MemoryReader& memory) {
  std::array<char, kPathShown> bytes;
  const size_t got = memory.read(address, bytes.data(), bytes.size());
  if (got == 0) return "?";
  const std::string_view text(bytes.data(), got);
  const size_t end = text.find('\0');
  return end == std::string_view::npos ? printable(text) + "..." : printable(text.substr(0, end));
}

std::optional<std::string> describe_whole_call(char letter, const SystemCall& call, MemoryReader& memory,
                                               pid_t process) {
  switch (letter) {
    case 'A':
      return describe_connecting(call, memory);
    case 'U':
      return hex_in_words(call.arguments[0]);
    case 'P':
      return with_timeout(describe_polled(call, memory, process), describe_timeout_ms(call.arguments[2]));
    case 'Q':
      return with_timeout(describe_polled(call, memory, process), describe_timeout_at(call.arguments[2], memory));
    case 'S':
      return with_timeout(describe_selected(call, memory, process), describe_timeval_at(call.arguments[4], memory));
    case 'R':
      return with_timeout(describe_selected(call, memory, process), describe_timeout_at(call.arguments[4], memory));
    case 'C':
      return describe_clock_sleep(call, memory);
    case 'N': {
      const std::optional<uint64_t> ns = read_timespec(call.arguments[0], memory);
      return ns ? duration_in_words(*ns) : "...";
    }
    default:
      return std::nullopt;
  }
}

}  // namespace holdwatch
