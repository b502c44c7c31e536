// A condition on the stack of the thread that waits for it, made anew for each request and never destroyed: who signalled the one
// that was at the same address before says nothing about this one.
// RUN-ENV: HOLDWATCH_LIMIT=300ms
// EXPECT: who can end that is not known: it is on the waiting thread's stack
// EXPECT-JSON: [ends for _, ends in ends_of("requester")] == [[], []]
// EXPECT-JSON: all(why.startswith("it is on the waiting thread's stack") for why, _ in ends_of("requester"))
// EXPECT-JSON: not any(h["wait"]["last_ended_by"] for event in over for h in event["holders"])
#include <pthread.h>

#include <mutex>

#include "tests/programs/harness.h"
using namespace harness;

namespace {

struct Request {
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  pthread_cond_t is_served = PTHREAD_COND_INITIALIZER;
  bool done = false;
};

std::mutex connection;
std::atomic<Request*> queue{nullptr};
std::atomic<int> served{0};
std::atomic<Request*> first_request{nullptr}, second_request{nullptr};

OWN_FRAME void make_request(std::atomic<Request*>& made) {
  Request request;
  queue = &request;
  made = &request;
  std::lock_guard keeps(connection);
  pthread_mutex_lock(&request.mutex);
  while (!request.done) pthread_cond_wait(&request.is_served, &request.mutex);
  pthread_mutex_unlock(&request.mutex);
}

void serve() {
  Request* const request = queue.exchange(nullptr);
  pthread_mutex_lock(&request->mutex);
  request->done = true;
  pthread_cond_signal(&request->is_served);
  pthread_mutex_unlock(&request->mutex);
}

}  // namespace

int main() {
  Event finish;
  Thread requester("requester", [] {
    for (auto* const made : {&first_request, &second_request}) {
      make_request(*made);
      ++served;  // after the call: else the compiler may make it a jump, with the frame elsewhere
    }
  });
  Thread first("first", [&] {
    await_report_of("over", "requester", 1);
    while (queue == nullptr) pause_briefly();
    serve();
    finish.wait();
  });
  Thread second("second", [&] {
    await_report_of("over", "requester", is_watched() ? 2 : 0);
    while (second_request == nullptr) pause_briefly();
    serve();
    finish.fire();
  });
  requester.join();
  CHECK(first_request == second_request);
}
