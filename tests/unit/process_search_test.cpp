// How long a search through all processes may last.
#include "symbolizer/waits/process_search.h"

#include "tests/catch.h"

using namespace holdwatch;
using namespace std::chrono_literals;

namespace {

SearchMoment g_now{};

void pass(std::chrono::nanoseconds processor, std::chrono::nanoseconds wall) {
  g_now.processor += processor;
  g_now.wall += wall;
}

// Each case begins a period: what others have searched before is over.
struct Search {
  Search() {
    g_now = {};
    g_now.wall = search_moment().wall + 1h;
    pass(0ms, next_period());
  }
  static std::chrono::nanoseconds next_period() {
    static std::chrono::nanoseconds passed{};
    return passed += 1min;
  }
  static SearchMoment now() { return g_now; }
};

}  // namespace

TEST_CASE_METHOD(Search, "a search that is seldom let run goes on") {
  const SearchTime time(now);
  CHECK_FALSE(time.is_over());
  pass(1ms, 499ms);
  CHECK_FALSE(time.is_over());
}

TEST_CASE_METHOD(Search, "a search ends after a tenth of a second of processor time, however fast") {
  const SearchTime time(now);
  pass(99ms, 99ms);
  CHECK_FALSE(time.is_over());
  pass(1ms, 1ms);
  CHECK(time.is_over());
}

TEST_CASE_METHOD(Search, "a search ends after half a second, whatever it has done by then") {
  const SearchTime time(now);
  pass(1ms, 500ms);
  CHECK(time.is_over());
}

TEST_CASE_METHOD(Search, "all searches of two seconds together have twice the processor time of one, and a second") {
  for (int i = 0; i < 3; ++i) {
    const SearchTime time(now);
    CHECK(time.is_over() == (i == 2));
    pass(100ms, 100ms);
  }
  pass(0ms, 2s);
  for (int i = 0; i < 3; ++i) {
    const SearchTime time(now);
    CHECK(time.is_over() == (i == 2));
    pass(1ms, 500ms);
  }
}

TEST_CASE("the time that a search has had is the calling thread's, and does not run backwards") {
  const SearchMoment before = search_moment();
  volatile uint64_t work = 0;
  for (int i = 0; i < 100'000; ++i) work = work + 1;
  const SearchMoment after = search_moment();
  CHECK(after.processor > before.processor);
  CHECK(after.wall - before.wall >= after.processor - before.processor - 1ms);
}
