#include "shim/record/lock_word.h"

#include "tests/catch.h"

namespace holdwatch {
namespace {

const void* at(uintptr_t address) {
  return reinterpret_cast<const void*>(address);
}

TEST_CASE("a lock word gives back the address, kind and access that it was made of") {
  const auto kind = GENERATE(LockKind::mutex, LockKind::rwlock, LockKind::stream);
  const auto access = GENERATE(Access::exclusive, Access::shared);
  const LockWord word(at(0x55d0c81f20), kind, access);
  CHECK(word.address() == 0x55d0c81f20);
  CHECK(word.kind() == kind);
  CHECK(word.access() == access);
  CHECK_FALSE(word.condition());
  CHECK_FALSE(word.empty());
  CHECK(LockWord(word.bits()) == word);
}

TEST_CASE("a misaligned lock's address keeps its low bits") {
  const LockWord word(at(0x7fff00000007), LockKind::rwlock, Access::shared);
  CHECK(word.address() == 0x7fff00000007);
}

TEST_CASE("an address of a kernel with five-level page tables is kept whole") {
  constexpr uintptr_t highest = (uintptr_t{1} << 56) - 8;
  const LockWord word = LockWord(at(highest), LockKind::rwlock, Access::shared).with_condition();
  CHECK(word.address() == highest);
}

TEST_CASE("the mark of a condition wait changes nothing else") {
  const LockWord plain(at(0x1000), LockKind::mutex, Access::exclusive);
  const LockWord marked = plain.with_condition();
  CHECK(marked.condition());
  CHECK(marked.address() == plain.address());
  CHECK(marked.kind() == plain.kind());
  CHECK(marked.access() == plain.access());
  CHECK_FALSE(marked == plain);
}

TEST_CASE("only the word without any bit is empty") {
  CHECK(LockWord().empty());
  CHECK_FALSE(LockWord(at(1), LockKind::mutex, Access::exclusive).empty());
}

TEST_CASE("whether a word is a lock at an address depends on the address alone") {
  const LockWord word = LockWord(at(0x2008), LockKind::rwlock, Access::shared).with_condition();
  CHECK(word.is_lock_at(0x2008));
  CHECK_FALSE(word.is_lock_at(0x2000));
  CHECK_FALSE(word.is_lock_at(0x2009));
  CHECK_FALSE(word.is_lock_at(0));
}

}  // namespace
}  // namespace holdwatch
