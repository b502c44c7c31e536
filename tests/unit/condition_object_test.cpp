// The rules of symbolizer/waits/condition_object.h, for conditions laid out as glibc's versions do.
#include "symbolizer/waits/condition_object.h"

#include "tests/catch.h"
#include "tests/unit/fake_process.h"

using namespace holdwatch;

namespace {

constexpr uintptr_t kBefore = 0x10000, kCondition = kBefore + 8;

// What is in memory from right before the condition on, which is no part of it, up to its last word.
struct Scene {
  test::FakeMemory memory;

  void add(uint64_t before, uint64_t wseq, uint64_t g1_start, const std::vector<uint32_t>& rest) {
    test::ByteVector bytes;
    for (const uint64_t value : {before, wseq, g1_start}) test::append_value(bytes, value);
    for (const uint32_t value : rest) test::append_value(bytes, value);
    memory.regions[kBefore] = bytes;
  }

  uintptr_t object(uintptr_t offset, uint32_t value, unsigned glibc_minor) {
    return condition_slept_in({kCondition + offset, value, false, false, false}, glibc_minor, memory);
  }
};

}  // namespace

TEST_CASE_METHOD(Scene, "the version decides where a condition's words are") {
  for (const uintptr_t group : {0u, 4u}) {
    CHECK(object(40 + group, 0, 36) == kCondition);
    CHECK(object(32 + group, 0, 41) == kCondition);
    CHECK(object(40 + group, 0, 0) == 0);
  }
}

TEST_CASE_METHOD(Scene, "in a version of both layouts, a condition with references is found by them") {
  add(0, 2, 0, {2, 0, 0, 0, 0, 8, 0, 0});  // the first waiter ever
  CHECK(object(40, 0, 39) == kCondition);
  add(0, 21, 16, {0, 2, 0, 0, 4, 8, 0, 0});
  CHECK(object(44, 0, 39) == kCondition);
}

TEST_CASE_METHOD(Scene, "in a version of both layouts, a condition without references is found by its counters") {
  add(0, 2, 0, {0, 0, 0, 8, 0, 0, 0, 0});
  CHECK(object(32, 0, 39) == kCondition);
  add(1, 21, 8, {0, 0, 4, 8, 0, 7, 0, 0});
  CHECK(object(36, 7, 39) == kCondition);
}

TEST_CASE_METHOD(Scene, "where both layouts fit, and where none does, no condition is named") {
  add(0, 100, 90, {2, 0, 0, 0, 0, 8, 0, 0});
  CHECK(object(40, 0, 39) == 0);
  add(0, 0, 0, {0, 0, 0, 0, 0, 0, 0, 0});
  CHECK(object(40, 0, 39) == 0);
  memory.regions.clear();
  CHECK(object(40, 0, 39) == 0);
}
