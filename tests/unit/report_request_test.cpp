#include "shim/handoff/report_request.h"

#include "tests/catch.h"

namespace holdwatch {
namespace {

struct QueueTest {
  ReportQueue queue;
  QueueTest() { REQUIRE(queue.start()); }

  bool post(uint64_t episode, bool is_urgent = false) {
    ReportRequest* request = queue.next_free(is_urgent);
    if (request == nullptr) return false;
    request->episode = episode;
    queue.post();
    return true;
  }
  // The number of the oldest request, which is then done; 0 if there is none.
  uint64_t take() {
    ReportRequest* request = queue.oldest();
    if (request == nullptr) return 0;
    const uint64_t episode = request->episode;
    queue.done(*request);
    return episode;
  }
};

TEST_CASE_METHOD(QueueTest, "a new queue is idle and has nothing to give") {
  CHECK(queue.idle());
  CHECK(queue.oldest() == nullptr);
}

TEST_CASE_METHOD(QueueTest, "a request is seen once it is posted, not before") {
  queue.next_free()->episode = 7;
  CHECK(queue.oldest() == nullptr);
  queue.post();
  CHECK_FALSE(queue.idle());
  CHECK(take() == 7);
  CHECK(queue.idle());
}

TEST_CASE_METHOD(QueueTest, "a request stays the oldest until it is done") {
  post(1);
  post(2);
  CHECK(queue.oldest() == queue.oldest());
  CHECK(queue.oldest()->episode == 1);
  queue.done(*queue.oldest());
  CHECK(queue.oldest()->episode == 2);
}

TEST_CASE_METHOD(QueueTest, "sixteen requests fit, and the next one when the oldest is done") {
  for (uint64_t i = 1; i <= 16; ++i) REQUIRE(post(i));
  CHECK_FALSE(post(17));
  CHECK(take() == 1);
  CHECK(post(17));
  CHECK_FALSE(post(18));
}

TEST_CASE_METHOD(QueueTest, "requests come out in the order in which they were posted, round and round") {
  uint64_t posted = 0;
  uint64_t taken = 0;
  bool in_order = true;
  for (int round = 0; round < 100; ++round) {
    for (int i = 0; i < 1 + round % 16; ++i)
      if (post(posted + 1)) ++posted;
    while (!queue.idle() && taken < posted - static_cast<uint64_t>(round % 3)) in_order &= take() == ++taken;
  }
  CHECK(in_order);
  CHECK(taken > 500);
}

TEST_CASE_METHOD(QueueTest, "what is urgent has room when the others have none, and comes first, in its order") {
  for (uint64_t i = 1; i <= 16; ++i) REQUIRE(post(i));
  for (uint64_t i = 101; i <= 108; ++i) CHECK(post(i, true));
  CHECK_FALSE(post(109, true));
  CHECK(take() == 101);
  CHECK(take() == 102);
  CHECK_FALSE(post(17));
  for (uint64_t i = 103; i <= 108; ++i) CHECK(take() == i);
  for (uint64_t i = 1; i <= 16; ++i) CHECK(take() == i);
  CHECK(queue.idle());
}

TEST_CASE_METHOD(QueueTest, "an urgent request that comes meanwhile leaves the one alone that is being reported") {
  post(1);
  ReportRequest* const first = queue.oldest();
  post(101, true);
  queue.done(*first);
  CHECK(take() == 101);
  CHECK(queue.idle());
}

TEST_CASE_METHOD(QueueTest, "a queue that is reset has nothing to give and all its room") {
  for (uint64_t i = 1; i <= 10; ++i) post(i);
  queue.reset();
  CHECK(queue.idle());
  for (uint64_t i = 1; i <= 16; ++i) CHECK(post(i));
}

}  // namespace
}  // namespace holdwatch
