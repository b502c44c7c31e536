#include "shim/attach/redirected_entries.h"

#include <sys/mman.h>
#include <unistd.h>

#include "tests/catch.h"

namespace holdwatch {
namespace {

uintptr_t at(const uintptr_t& word) {
  return reinterpret_cast<uintptr_t>(&word);
}

void give_all_back(const uintptr_t* first, size_t count) {
  restore_redirected(at(*first), at(*first) + count * sizeof *first);
  forget_slots();
}

TEST_CASE("a slot that holds what was found is turned, and turned back to the function") {
  uintptr_t word = 100;
  CHECK(note_and_redirect({at(word), 100, 1, 2, false}));
  CHECK(word == 2);
  give_all_back(&word, 1);
  CHECK(word == 1);
}

TEST_CASE("a slot that has changed meanwhile is left alone") {
  uintptr_t word = 101;
  CHECK_FALSE(note_and_redirect({at(word), 100, 1, 2, false}));
  CHECK(word == 101);
  give_all_back(&word, 1);
  CHECK(word == 101);
}

TEST_CASE("a redirected call that something else has overwritten since is not restored") {
  uintptr_t word = 100;
  REQUIRE(note_and_redirect({at(word), 100, 1, 2, false}));
  word = 7;
  give_all_back(&word, 1);
  CHECK(word == 7);
}

TEST_CASE("only slots between the two addresses are given back") {
  uintptr_t words[2] = {100, 100};
  REQUIRE(note_and_redirect({at(words[0]), 100, 1, 2, false}));
  REQUIRE(note_and_redirect({at(words[1]), 100, 1, 2, false}));
  restore_redirected(at(words[1]), at(words[1]) + sizeof(uintptr_t));
  CHECK(words[0] == 2);
  CHECK(words[1] == 1);
  give_all_back(words, 2);
  CHECK(words[0] == 1);
}

TEST_CASE("a module that comes and goes at the same place takes one entry") {
  constexpr size_t kMoreThanFit = 200'000;
  uintptr_t word = 100;
  REQUIRE(note_and_redirect({at(word), 100, 1, 2, false}));
  expect_known_slots();
  for (size_t i = 0; i < kMoreThanFit; ++i) {
    word = 100;
    REQUIRE(note_and_redirect({at(word), 100, 1, 2, false}));
  }
  give_all_back(&word, 1);
  CHECK(word == 1);
}

TEST_CASE("a slot in a read-only page is turned, and the page stays read-only") {
  const auto page_size = static_cast<size_t>(getpagesize());
  void* page = mmap(nullptr, page_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  REQUIRE(page != MAP_FAILED);
  auto* word = static_cast<uintptr_t*>(page);
  *word = 100;
  mprotect(page, page_size, PROT_READ);
  CHECK(note_and_redirect({at(*word), 100, 1, 2, true}));
  CHECK(*word == 2);
  // The kernel refuses to write what the page's own protection forbids.
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  REQUIRE(write(ends[1], "x", 1) == 1);
  CHECK(read(ends[0], page, 1) == -1);
  close(ends[0]);
  close(ends[1]);
  give_all_back(word, 1);
  CHECK(*word == 1);
  munmap(page, page_size);
}

}  // namespace
}  // namespace holdwatch
