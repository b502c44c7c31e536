// See arguments.h.
#include "symbolizer/activity/arguments.h"

#include <linux/futex.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <climits>
#include <vector>

#include "symbolizer/activity/descriptors.h"
#include "symbolizer/activity/sockets.h"
#include "symbolizer/activity/times.h"
#include "symbolizer/activity/words.h"

namespace holdwatch {
namespace {

constexpr size_t kDescriptorsShown = 3;
constexpr size_t kPathShown = 256;
constexpr uint64_t kMaxPolled = 65536;  // entries that are read: half a megabyte of them

int as_int(uint64_t argument) {
  return static_cast<int>(static_cast<uint32_t>(argument));
}

std::string with_timeout(std::string text, const std::string& timeout) {
  return timeout.empty() ? text : text + "; " + timeout;
}

// "no fds", "fd 5 -> 10.2.3.4:443", "40 fds: 5 /dev/tty, 7 epoll, 9 eventfd, ...".
std::string describe_set(const std::vector<int>& descriptors, const CallContext& context) {
  if (descriptors.empty()) return "no fds";
  std::string list;
  const size_t shown = std::min(descriptors.size(), kDescriptorsShown);
  for (size_t i = 0; i < shown; ++i) {
    if (i != 0) list += ", ";
    list += describe_descriptor(descriptors[i], Direction::any, context.files);
  }
  if (descriptors.size() == 1) return "fd " + list;
  const std::string text = std::to_string(descriptors.size()) + " fds: " + list;
  return descriptors.size() > shown ? text + ", ..." : text;
}

// Entries with a negative descriptor are disabled. If not all can be read, only their number is shown.
std::string describe_polled(const SystemCall& call, const CallContext& context) {
  constexpr size_t kAtOnce = 512;
  const uint64_t count = static_cast<uint32_t>(call.arguments[1]);
  std::vector<int> descriptors;
  std::vector<pollfd> entries(std::min<uint64_t>(count, kAtOnce));
  for (uint64_t first = 0; first < count; first += entries.size()) {
    const size_t size = std::min<uint64_t>(entries.size(), count - first) * sizeof(pollfd);
    if (first >= kMaxPolled || context.read(call.arguments[0] + first * sizeof(pollfd), entries.data(), size) != size)
      return "up to " + std::to_string(count) + " fds";
    for (size_t i = 0; i < size / sizeof(pollfd); ++i)
      if (entries[i].fd >= 0) descriptors.push_back(entries[i].fd);
  }
  return describe_set(descriptors, context);
}

// The descriptors in any of select's three sets. The kernel reads only as many whole words as `limit` bits need.
std::string describe_selected(const SystemCall& call, const CallContext& context) {
  constexpr uint64_t kBits = 64;
  const uint64_t limit = std::min<uint64_t>(static_cast<uint64_t>(std::max(as_int(call.arguments[0]), 0)), kMaxPolled);
  std::vector<int> descriptors;
  for (uint64_t first = 0; first < limit; first += kBits) {
    uint64_t word = 0;
    for (const size_t set : {size_t{1}, size_t{2}, size_t{3}}) {
      if (call.arguments[set] == 0) continue;
      const auto part = context.read_value<uint64_t>(call.arguments[set] + first / 8);
      if (!part) return "fds below " + std::to_string(limit);
      word |= *part;
    }
    for (uint64_t bit = 0; bit < kBits && first + bit < limit; ++bit)
      if ((word >> bit & 1) != 0) descriptors.push_back(static_cast<int>(first + bit));
  }
  return describe_set(descriptors, context);
}

std::string or_dots(std::string text) {
  return text.empty() ? "..." : text;
}

std::string describe_clock_sleep(const SystemCall& call, const CallContext& context) {
  const bool absolute = (call.arguments[1] & TIMER_ABSTIME) != 0;
  return or_dots(describe_sleep_at(call.arguments[2], as_int(call.arguments[0]), absolute, context));
}

std::string address_at(uintptr_t address, uint64_t length, const CallContext& context) {
  std::array<char, sizeof(sockaddr_storage)> bytes;
  const size_t size = std::min<uint64_t>(length, bytes.size());
  return describe_address({bytes.data(), context.read(address, bytes.data(), size)});
}

// A socket that is still connecting has no peer yet: the target is in the call's own argument. SO_SNDTIMEO limits the
// wait.
std::string describe_connecting(const SystemCall& call, const CallContext& context) {
  const std::string target = address_at(call.arguments[1], call.arguments[2], context);
  return "fd " + std::to_string(as_int(call.arguments[0])) + (target.empty() ? "" : " -> " + target);
}

// "pid 4711", "any child", "any child of group 12", "fd 9 pidfd".
std::string describe_child(const SystemCall& call, const CallContext& context) {
  constexpr int kPidfd = 3;  // P_PIDFD, in glibc's headers since 2.36
  const int id = as_int(call.arguments[1]);
  switch (as_int(call.arguments[0])) {
    case P_ALL:
      return "any child";
    case P_PID:
      return "pid " + std::to_string(id);
    case P_PGID:
      return id == 0 ? "any child of the same group" : "any child of group " + std::to_string(id);
    case kPidfd:
      return "fd " + describe_descriptor(id, Direction::any, context.files);
    default:
      return "...";
  }
}

// The flags of futex_wait and futex_waitv have no bit for the clock: it is a separate argument.
std::string describe_new_futex(const std::string& what, const SystemCall& call, size_t timeout,
                               const CallContext& context) {
  const uintptr_t address = call.arguments[timeout];
  const std::string words =
      address == 0 ? "" : describe_deadline_at(address, as_int(call.arguments[timeout + 1]), context);
  return words.empty() ? what : what + ", " + words;
}

// The timeout is in memory of its own, unless it is in the ring's registered memory. An absolute one is by a clock that
// only the ring knows.
std::string describe_ring(const SystemCall& call, const CallContext& context) {
  // Older kernels' linux/io_uring.h does not have all of them.
  constexpr uint32_t kExtendedArgument = 8, kRegisteredRing = 16, kAbsoluteTimer = 32, kRegisteredArgument = 64;
  struct ExtendedArgument {
    uint64_t signals;
    uint32_t signals_size;
    uint32_t least_wait_us;
    uint64_t timeout;
  };
  const auto flags = static_cast<uint32_t>(call.arguments[3]);
  const int ring = as_int(call.arguments[0]);
  const std::string text = (flags & kRegisteredRing) != 0
                               ? "registered ring " + std::to_string(ring)
                               : "fd " + describe_descriptor(ring, Direction::any, context.files);
  if ((flags & kExtendedArgument) == 0 || (flags & (kAbsoluteTimer | kRegisteredArgument)) != 0) return text;
  const auto argument = context.read_value<ExtendedArgument>(call.arguments[4]);
  if (!argument || argument->timeout == 0) return text;
  return with_timeout(text, describe_timeout_at(argument->timeout, context));
}

}  // namespace

std::string read_path(uintptr_t address, const CallContext& context) {
  if (address == 0 || context.memory == nullptr) return "";
  std::array<char, kPathShown> bytes;
  const size_t got = context.read(address, bytes.data(), bytes.size());
  if (got == 0) return "?";
  const std::string_view text(bytes.data(), got);
  const size_t end = text.find('\0');
  return end == std::string_view::npos ? printable(text) + "..." : printable(text.substr(0, end));
}

std::string describe_receiver(uintptr_t address, uint64_t length, const CallContext& context) {
  const std::string text = address == 0 ? "" : address_at(address, length, context);
  return text.empty() ? "" : "to " + text;
}

std::string describe_message_receiver(uintptr_t message, const CallContext& context) {
  const auto header = context.read_value<msghdr>(message);
  return header ? describe_receiver(reinterpret_cast<uintptr_t>(header->msg_name), header->msg_namelen, context) : "";
}

// Only FUTEX_WAIT takes a relative time; all other waiting operations take an absolute time.
std::string describe_futex_timeout(const SystemCall& call, const CallContext& context) {
  const auto operation = static_cast<uint32_t>(call.arguments[1]);
  const uintptr_t address = call.arguments[3];
  const clockid_t clock = (operation & FUTEX_CLOCK_REALTIME) != 0 ? CLOCK_REALTIME : CLOCK_MONOTONIC;
  constexpr uint32_t kLockPi2 = 13;  // FUTEX_LOCK_PI2, Linux 5.14
  std::string text;
  switch (operation & static_cast<uint32_t>(FUTEX_CMD_MASK)) {
    case FUTEX_WAIT:
      if (address != 0) text = describe_timeout_at(address, context);
      break;
    case FUTEX_WAIT_BITSET:
    case FUTEX_WAIT_REQUEUE_PI:
    case kLockPi2:
      if (address != 0) text = describe_deadline_at(address, clock, context);
      break;
    case FUTEX_LOCK_PI:
      if (address != 0) text = describe_deadline_at(address, CLOCK_REALTIME, context);
      break;
    default:
      break;
  }
  return text.empty() ? "" : ", " + text;
}

std::optional<std::string> describe_whole_call(char letter, const SystemCall& call, const CallContext& context) {
  const uint64_t* const arguments = call.arguments;
  switch (letter) {
    case 'A':
      return describe_connecting(call, context);
    case 'U':
      return hex_in_words(arguments[0]) + describe_futex_timeout(call, context);
    case 'F':
      return describe_new_futex(hex_in_words(arguments[0]), call, 4, context);
    case 'V':
      return describe_new_futex(std::to_string(as_int(arguments[1])) + " futexes", call, 3, context);
    case 'P':
      return with_timeout(describe_polled(call, context), describe_timeout_ms(arguments[2]));
    case 'Q':
      return with_timeout(describe_polled(call, context), describe_timeout_at(arguments[2], context));
    case 'S':
      return with_timeout(describe_selected(call, context), describe_timeval_at(arguments[4], context));
    case 'R':
      return with_timeout(describe_selected(call, context), describe_timeout_at(arguments[4], context));
    case 'C':
      return describe_clock_sleep(call, context);
    case 'N':
      return or_dots(describe_sleep_at(arguments[0], CLOCK_MONOTONIC, false, context));
    case 'W':
      return describe_child(call, context);
    case 'I':
      return describe_ring(call, context);
    default:
      return std::nullopt;
  }
}

}  // namespace holdwatch
