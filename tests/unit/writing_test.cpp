// The rules of shim/reporter/writing.h.
#include "shim/reporter/writing.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "shim/base/clock.h"
#include "tests/catch.h"
#include "tests/unit/await_sleep.h"

using namespace holdwatch;

namespace {

constexpr uint64_t kMinuteNs = 60'000'000'000;

struct Exit {
  ~Exit() { writing_reset(); }
  static void begin(uint64_t patience_ns) { await_written_at_exit(monotonic_ns() + patience_ns); }
};

}  // namespace

TEST_CASE_METHOD(Exit, "a thread that exits waits for what is being written, and no longer") {
  begin_writing();
  std::atomic<int> tid{0};
  std::atomic<bool> has_waited{false};
  std::thread exits([&] {
    tid = static_cast<int>(syscall(SYS_gettid));
    begin(kMinuteNs);
    has_waited = true;
  });
  while (tid == 0) std::this_thread::yield();
  await_call(tid, SYS_futex);
  CHECK_FALSE(has_waited);
  const uint64_t written_ns = monotonic_ns();
  end_writing();
  exits.join();
  CHECK(monotonic_ns() - written_ns < kMinuteNs / 2);
}

TEST_CASE_METHOD(Exit, "it waits for nobody where nothing is being written, and not without end") {
  const uint64_t before_ns = monotonic_ns();
  begin(kMinuteNs);
  CHECK(monotonic_ns() - before_ns < kMinuteNs / 2);
  writing_reset();
  begin_writing();
  begin(1'000'000);
}

TEST_CASE_METHOD(Exit, "what begins to be written during an exit waits a moment first") {
  begin(0);
  const uint64_t before_ns = monotonic_ns();
  begin_writing();
  CHECK(monotonic_ns() - before_ns >= 15'000'000);
  end_writing();
}
