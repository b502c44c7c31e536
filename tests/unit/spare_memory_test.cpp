#include "shim/record/spare_memory.h"

#include <algorithm>
#include <vector>

#include "shim/record/thread_record.h"
#include "tests/catch.h"

namespace holdwatch {
namespace {

size_t size_of(SpareKind kind) {
  return kind == SpareKind::overflow ? sizeof(OverflowSlots) : sizeof(StackCopies);
}

// All that is left.
std::vector<unsigned char*> take_all(SpareKind kind) {
  std::vector<unsigned char*> chunks;
  while (void* chunk = take_spare(kind)) chunks.push_back(static_cast<unsigned char*>(chunk));
  return chunks;
}

TEST_CASE("nothing is to be had until the next refill once all is taken") {
  const auto kind = GENERATE(SpareKind::overflow, SpareKind::stack_copies);
  refill_spares(true);
  CHECK_FALSE(take_all(kind).empty());
  CHECK(take_spare(kind) == nullptr);
  refill_spares(true);
  CHECK(take_spare(kind) != nullptr);
}

TEST_CASE("chunks are zeroed and do not overlap, across slabs too") {
  const auto kind = GENERATE(SpareKind::overflow, SpareKind::stack_copies);
  take_all(kind);
  refill_spares(true);
  std::vector<unsigned char*> chunks = take_all(kind);
  refill_spares(true);
  for (unsigned char* chunk : take_all(kind)) chunks.push_back(chunk);
  std::sort(chunks.begin(), chunks.end());
  const size_t size = size_of(kind);
  for (size_t i = 0; i < chunks.size(); ++i) {
    if (i > 0) REQUIRE(static_cast<size_t>(chunks[i] - chunks[i - 1]) >= size);
    REQUIRE(chunks[i][0] == 0);
    REQUIRE(chunks[i][size - 1] == 0);
    chunks[i][0] = chunks[i][size - 1] = 1;
  }
}

TEST_CASE("a chunk can hold atomics: it is aligned to a cache line") {
  refill_spares(true);
  for (void* chunk : take_all(SpareKind::overflow)) CHECK(reinterpret_cast<uintptr_t>(chunk) % kCacheLine == 0);
}

TEST_CASE("stack copies are reserved only where they are wanted") {
  take_all(SpareKind::stack_copies);
  refill_spares(false);
  CHECK(take_spare(SpareKind::stack_copies) == nullptr);
}

TEST_CASE("a refill leaves what is not used up") {
  take_all(SpareKind::overflow);
  refill_spares(false);
  const size_t whole = take_all(SpareKind::overflow).size();
  refill_spares(false);
  take_spare(SpareKind::overflow);
  refill_spares(false);
  CHECK(take_all(SpareKind::overflow).size() == whole - 1);
}

}  // namespace
}  // namespace holdwatch
