// flockfile holds a stream as a lock call holds a mutex, however often it is called, and whichever call waits for it: also fputs,
// which takes the stream past our hooks.
// RUN-ENV: HOLDWATCH_LIMIT=300ms HOLDWATCH_WAIT_LIMIT=60s HOLDWATCH_ONLY=contended
// EXPECT: thread \d+ "writer" has held stream L1 \d+ ms \(limit 300 ms\); 1 thread waits
// EXPECT: lock +L1 stream 0x\w+ the stream of descriptor \d+$
// EXPECT: L1 released by \d+ "writer" after
// EXPECT: thread \d+ "printer" has held stream L2 \d+ ms \(limit 300 ms\); 1 thread waits
// EXPECT: lock +L2 stream 0x\w+ stdout, the stream of descriptor 1$
// FORBID: a lock call was not seen
// EXPECT-JSON: held_by(e) == {"writer", "printer"} and [waited_by([event]) for event in over] == [{"by_flockfile"}, {"by_fputs"}]
// EXPECT-JSON: all(event["lock"]["kind"] == "stream" and holder(event)["evidence"] == "recorded" for event in e)
// EXPECT-JSON: all(event["waiters"][0]["wait"]["kind"] == "stream" for event in over)
// EXPECT-JSON: [holder(event)["depth"] for event in over] == [2, 1]
// EXPECT-JSON: has(holder(over[0])["taken"], "take_twice") and has(holder(over[1])["taken"], "take_for_long")
#include "tests/programs/harness.h"
using namespace harness;

namespace {

Event taken[2];

[[gnu::noinline]] void take_for_long(FILE* stream, size_t number) {
  flockfile(stream);
  taken[number].fire();
  await_report("over", number + 1);
  funlockfile(stream);
}

[[gnu::noinline]] void take_twice(FILE* stream) {
  CHECK(ftrylockfile(stream) == 0);
  take_for_long(stream, 0);
  funlockfile(stream);
}

}  // namespace

int main() {
  FILE* log_file = std::fopen(temporary_path("log").c_str(), "w");
  CHECK(log_file != nullptr);
  {
    Thread writer("writer", [&] { take_twice(log_file); });
    Thread by_flockfile("by_flockfile", [&] {
      taken[0].wait();
      flockfile(log_file);
      funlockfile(log_file);
    });
  }
  await_report("released");
  {
    Thread printer("printer", [] { take_for_long(stdout, 1); });
    Thread by_fputs("by_fputs", [] {
      taken[1].wait();
      std::fputs("written\n", stdout);
    });
  }
  await_report("released", 2);
}
