// The rules of shim/record/learnt_enders.h.
#include "shim/record/learnt_enders.h"

#include <string_view>

#include "shim/base/clock_line.h"
#include "tests/catch.h"

using namespace holdwatch;

namespace {

constexpr uintptr_t kObject = 0x10000;
constexpr size_t kSize = 48;

const void* pointer(uintptr_t address) {
  return reinterpret_cast<const void*>(address);
}

// Each case begins and ends with an empty table.
struct Table {
  Table() { learnt_enders_after_fork(); }
  ~Table() { learnt_enders_after_fork(); }
};

}  // namespace

TEST_CASE_METHOD(Table, "nothing is noted of an object that no holder has waited for") {
  CHECK_FALSE(ends_are_noted());
  note_ends_of(kObject + 40);
  CHECK(ends_are_noted());
  note_end_slow(pointer(kObject + kSize), kSize, 1);
  note_end_slow(pointer(kObject - kSize), kSize, 1);
  const LearntEnds ends = learnt_ends(kObject, kSize);
  CHECK(ends.is_noted);
  CHECK(ends.count == 0);
  CHECK_FALSE(learnt_ends(kObject + kSize, kSize).is_noted);
}

TEST_CASE_METHOD(Table, "a thread is noted once, with its last call, whichever word of the object was slept on") {
  note_ends_of(kObject + 40);
  note_ends_of(kObject + 44);
  note_end_slow(pointer(kObject), kSize, 0x1111);
  note_end_slow(pointer(kObject), kSize, 0x2222);
  const LearntEnds ends = learnt_ends(kObject, kSize);
  REQUIRE(ends.count == 1);
  CHECK(ends.ends[0].pc == 0x2222);
  CHECK(ends.last_is_known);
  CHECK(ends.all_are_known);
}

TEST_CASE_METHOD(Table, "what was noted ends with the object") {
  note_ends_of(kObject);
  note_end_slow(pointer(kObject), kSize, 0x1111);
  forget_ends_slow(pointer(kObject), kSize);
  CHECK_FALSE(ends_are_noted());
  note_ends_of(kObject);
  CHECK(learnt_ends(kObject, kSize).count == 0);
  note_end_slow(pointer(kObject), kSize, 0x3333);
  CHECK(learnt_ends(kObject, kSize).count == 1);
}

TEST_CASE_METHOD(Table, "a thread that has exited is not the next one with its id") {
  note_ends_of(kObject);
  note_end_slow(pointer(kObject), kSize, 0x1111);
  const int tid = learnt_ends(kObject, kSize).ends[0].tid;
  note_exit_of_ender(tid);
  CHECK(learnt_ends(kObject, kSize).ends[0].tid == -tid);
  note_end_slow(pointer(kObject), kSize, 0x2222);
  const LearntEnds ends = learnt_ends(kObject, kSize);
  REQUIRE(ends.count == 2);
  CHECK(ends.ends[0].tid == tid);
  CHECK(ends.ends[1].tid == -tid);
}

TEST_CASE_METHOD(Table, "entries that nobody waits for any more are freed, sooner if there is no other") {
  constexpr uint64_t kSecond = 1'000'000'000;
  const uint64_t now_ns = g_clock_line.tick_ns.load();
  note_ends_of(kObject);
  forget_old_ends(now_ns + 60 * kSecond);
  CHECK(ends_are_noted());
  for (uintptr_t i = 1; i < 64; ++i) note_ends_of(kObject + i * kSize);
  CHECK_FALSE(learnt_ends(kObject + 63 * kSize, kSize).is_noted);
  forget_old_ends(now_ns + 60 * kSecond);
  CHECK_FALSE(ends_are_noted());
  note_ends_of(kObject);
  forget_old_ends(now_ns + 3600 * kSecond);
  CHECK_FALSE(ends_are_noted());
}
