// See times.h.
#include "symbolizer/activity/times.h"

#include <sys/syscall.h>
#include <unistd.h>

#include "symbolizer/activity/words.h"

namespace holdwatch {
namespace {

constexpr int64_t kNanosecondsPerSecond = 1'000'000'000;
constexpr int64_t kMicrosecondsPerSecond = 1'000'000;

// The kernel's numbers for the clocks of one thread or process (include/linux/posix-timers_types.h): the complement of
// its id, where 0 means the caller, above three bits.
constexpr clockid_t kSchedulerClock = 2;
constexpr clockid_t kDescriptorClock = 3;
constexpr clockid_t kPerThread = 4;

constexpr clockid_t clock_of(pid_t id, clockid_t kind) {
  return static_cast<clockid_t>(static_cast<uint32_t>(~id) << 3) | kind;
}

bool counts_processor_time(clockid_t clock) {
  return clock == CLOCK_PROCESS_CPUTIME_ID || clock == CLOCK_THREAD_CPUTIME_ID ||
         (clock < 0 && (clock & kDescriptorClock) != kDescriptorClock);
}

// The number that the same clock has for us.
clockid_t as_seen_by_us(clockid_t clock, const ThreadFiles& files) {
  const pid_t process = files.process_id();
  if (clock == CLOCK_PROCESS_CPUTIME_ID) return clock_of(process, kSchedulerClock);
  if (clock == CLOCK_THREAD_CPUTIME_ID) return clock_of(files.tid(), kSchedulerClock | kPerThread);
  if (clock >= 0 || !counts_processor_time(clock) || ~(clock >> 3) != 0) return clock;
  return clock_of((clock & kPerThread) != 0 ? files.tid() : process, clock & 7);
}

// A process in a time namespace has another monotonic clock.
bool has_our_clocks(const ThreadFiles& files) {
  if (files.is_ours()) return true;
  return files.known() && files.link("ns/time") == ThreadFiles::of_ours(gettid()).link("ns/time");
}

// By system call: the program's own clock_gettime may return another time (libfaketime), which the kernel does not use.
std::optional<uint64_t> now_ns(clockid_t clock, const CallContext& context) {
  if (!has_our_clocks(context.files)) return std::nullopt;
  timespec now{};
  if (syscall(SYS_clock_gettime, as_seen_by_us(clock, context.files), &now) != 0) return std::nullopt;
  return nanoseconds_of(now);
}

std::string timeout(std::optional<uint64_t> ns) {
  return ns ? "timeout " + duration_in_words(*ns) : "";
}

}  // namespace

std::optional<uint64_t> nanoseconds_of(const timespec& time) {
  constexpr int64_t kMaxSeconds = INT64_MAX / kNanosecondsPerSecond - 1;
  if (time.tv_sec < 0 || time.tv_sec > kMaxSeconds) return std::nullopt;
  if (time.tv_nsec < 0 || time.tv_nsec >= kNanosecondsPerSecond) return std::nullopt;
  return static_cast<uint64_t>(time.tv_sec * kNanosecondsPerSecond + time.tv_nsec);
}

std::optional<uint64_t> nanoseconds_of(const timeval& time) {
  constexpr int64_t kMaxSeconds = INT64_MAX / kNanosecondsPerSecond / 2;
  if (time.tv_sec < 0 || time.tv_sec > kMaxSeconds || time.tv_usec < 0) return std::nullopt;
  return nanoseconds_of(
      timespec{time.tv_sec + time.tv_usec / kMicrosecondsPerSecond, time.tv_usec % kMicrosecondsPerSecond * 1000});
}

std::optional<uint64_t> time_at(uintptr_t address, const CallContext& context) {
  const auto time = context.read_value<timespec>(address);
  return time ? nanoseconds_of(*time) : std::nullopt;
}

std::optional<uint64_t> time_left_until(uintptr_t address, clockid_t clock, const CallContext& context) {
  const std::optional<uint64_t> end_ns = time_at(address, context);
  const std::optional<uint64_t> now = end_ns ? now_ns(clock, context) : std::nullopt;
  if (!now) return std::nullopt;
  return *end_ns > *now ? *end_ns - *now : 0;
}

std::string describe_timeout_at(uintptr_t address, const CallContext& context) {
  return address == 0 ? "no timeout" : timeout(time_at(address, context));
}

std::string describe_timeval_at(uintptr_t address, const CallContext& context) {
  if (address == 0) return "no timeout";
  const auto time = context.read_value<timeval>(address);
  return timeout(time ? nanoseconds_of(*time) : std::nullopt);
}

std::string describe_deadline_at(uintptr_t address, clockid_t clock, const CallContext& context) {
  if (address == 0) return "no timeout";
  const std::optional<uint64_t> left_ns = time_left_until(address, clock, context);
  if (!left_ns) return "";
  return *left_ns == 0 ? "timeout now" : "timeout in " + duration_in_words(*left_ns);
}

std::string describe_timeout_ms(uint64_t argument) {
  const auto ms = static_cast<int32_t>(static_cast<uint32_t>(argument));
  return ms < 0 ? "no timeout" : timeout(static_cast<uint64_t>(ms) * 1'000'000);
}

std::string describe_sleep_at(uintptr_t address, clockid_t clock, bool absolute, const CallContext& context) {
  const std::optional<uint64_t> ns = absolute ? time_left_until(address, clock, context) : time_at(address, context);
  if (!ns) return "";
  const std::string time = duration_in_words(*ns);
  if (counts_processor_time(clock)) return time + (absolute ? " more CPU time" : " of CPU time");
  if (!absolute) return time;
  return *ns == 0 ? "until now" : "until " + time + " from now";
}

}  // namespace holdwatch
