// Nobody takes what is written to stdout: a thread is stuck inside of fputs, and others wait there for the stream. No lock call of any of
// them was seen, and the stall is reported as the stream's, with all that wait. Once it ends, that is reported too.
// RUN-ENV: HOLDWATCH_LIMIT=200ms HOLDWATCH_WAIT_LIMIT=300ms
// EXPECT: thread \d+ "writer" has held stream L1 .* \(limit 200 ms\); 20 threads wait
// EXPECT: lock +L1 stream 0x\w+ stdout, the stream of descriptor 1$
// EXPECT: L1 is no longer held by \d+ "writer", after
// EXPECT-JSON: {event["event"] for event in e} == {"hold"} and held_by(e) == {"writer"} and len(over) == 1
// EXPECT-JSON: holder(over[0])["evidence"] == "stated" and holder(over[0])["doing"].startswith("write(fd 1 pipe")
// EXPECT-JSON: has(holder(over[0])["now"], "fputs")
// EXPECT-JSON: holder(over[0])["taken"]["note"] == "unknown: it was taken inside a function of stdio"
// EXPECT-JSON: waited_by(over) == {"waiter"}
#include <fcntl.h>

#include <list>

#include "tests/programs/harness.h"
using namespace harness;

int main() {
  constexpr int kWaiters = 20;
  int ends[2];
  CHECK(pipe(ends) == 0);
  const int before = dup(STDOUT_FILENO);
  CHECK(dup2(ends[1], STDOUT_FILENO) == STDOUT_FILENO);
  CHECK(fcntl(ends[1], F_SETPIPE_SZ, 4096) > 0);
  setvbuf(stdout, nullptr, _IONBF, 0);
  {
    const std::string much(65536, 'x');
    Thread writer("writer", [&] { std::fputs(much.c_str(), stdout); });
    writer.wait_until_blocked_in(SYS_write);
    std::list<Thread> waiters;
    for (int i = 0; i < kWaiters; ++i) waiters.emplace_back("waiter", [] { std::fputs("y", stdout); });
    for (const Thread& waiter : waiters) waiter.wait_until_blocked_in(SYS_futex);
    await_report("over");
    std::string read_back(much.size() + kWaiters, '\0');
    for (size_t got = 0; got < read_back.size();) {
      const ssize_t more = read(ends[0], read_back.data(), read_back.size() - got);
      CHECK(more > 0);
      got += static_cast<size_t>(more);
    }
  }
  CHECK(dup2(before, STDOUT_FILENO) == STDOUT_FILENO);
  await_report("released");
  std::puts("done");
}
