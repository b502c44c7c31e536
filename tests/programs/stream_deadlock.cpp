// A deadlock over a mutex and a stream: by flockfile, and by fputs, which waits for the stream past our hooks. No limit is needed.
// RUN-ENV: HOLDWATCH_LIMIT=0
// EXPECT: deadlock of 2 threads
// EXPECT: L[12] stream 0x\w+ the stream of descriptor \d+$
// EXPECT: now +waits for stream lock 0x\w+, held by \d+ "calls_back_too"
// FORBID: a lock call was not seen
// EXPECT-JSON: len(deadlocks) == 2 and all(event["phase"] == "over" for event in deadlocks)
// EXPECT-JSON: {frozenset(h["thread"] for h in event["holders"]) for event in deadlocks} ==
//     {frozenset({"logs", "calls_back"}), frozenset({"prints", "calls_back_too"})}
// EXPECT-JSON: all(sorted(step["kind"] for step in event["cycle"]) == ["mutex", "stream"] for event in deadlocks)
// NO-BARE: without a watch nothing would end it
#include "tests/programs/harness.h"
using namespace harness;

namespace {

// `printing` holds the mutex and waits for the stream; the other holds the stream and waits for the mutex.
struct Pair {
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  FILE* stream = nullptr;
  Event has_mutex, has_stream;

  void print(void (*want)(FILE*)) {
    pthread_mutex_lock(&mutex);
    has_mutex.fire();
    has_stream.wait();
    want(stream);
  }
  void call_back() {
    flockfile(stream);
    has_stream.fire();
    has_mutex.wait();
    pthread_mutex_lock(&mutex);
  }
};

Pair by_flockfile, by_fputs;

}  // namespace

int main() {
  by_flockfile.stream = std::fopen(temporary_path("first").c_str(), "w");
  by_fputs.stream = std::fopen(temporary_path("second").c_str(), "w");
  Thread logs("logs", [] { by_flockfile.print([](FILE* stream) { flockfile(stream); }); });
  Thread calls_back("calls_back", [] { by_flockfile.call_back(); });
  await_report("deadlock");
  Thread prints("prints", [] { by_fputs.print([](FILE* stream) { std::fputs("text\n", stream); }); });
  Thread calls_back_too("calls_back_too", [] { by_fputs.call_back(); });
  await_report("deadlock", 2);
  std::_Exit(0);
}
