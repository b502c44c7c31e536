// This process's own memory, read without faulting and looked up in the maps.
#include "shim/inspection/local_memory.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "shim/inspection/capture.h"
#include "tests/catch.h"

using namespace holdwatch;

namespace {

constexpr size_t kPage = 4096;

// Pages with nothing on either side, so that no neighbour joins them.
class Pages {
 public:
  explicit Pages(size_t count) : size_((count + 2) * kPage) {
    void* memory = mmap(nullptr, size_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    REQUIRE(memory != MAP_FAILED);
    start_ = reinterpret_cast<uintptr_t>(memory);
    protect(0, count, PROT_READ | PROT_WRITE);
  }
  ~Pages() { munmap(reinterpret_cast<void*>(start_), size_); }
  Pages(const Pages&) = delete;
  Pages& operator=(const Pages&) = delete;

  uintptr_t address(size_t page) const { return start_ + (page + 1) * kPage; }
  void protect(size_t first, size_t count, int protection) {
    REQUIRE(mprotect(reinterpret_cast<void*>(address(first)), count * kPage, protection) == 0);
  }
  void unmap(size_t page) { REQUIRE(munmap(reinterpret_cast<void*>(address(page)), kPage) == 0); }

 private:
  size_t size_;
  uintptr_t start_;
};

}  // namespace

TEST_CASE("own memory is copied") {
  const std::string text = "what is in memory";
  char out[64] = {};
  REQUIRE(read_local_memory(reinterpret_cast<uintptr_t>(text.data()), out, text.size()) == text.size());
  CHECK(text == out);
}

TEST_CASE("memory that is not mapped is no fault, and reading stops where the mapping stops") {
  Pages pages(2);
  pages.unmap(1);
  memset(reinterpret_cast<void*>(pages.address(0)), 'a', kPage);
  char out[2 * kPage];
  CHECK(read_local_memory(pages.address(1), out, 16) == 0);
  CHECK(read_local_memory(0, out, 16) == 0);
  CHECK(read_local_memory(UINTPTR_MAX - 15, out, 16) == 0);
  CHECK(read_local_memory(pages.address(0) + 100, out, sizeof out) == kPage - 100);
}

TEST_CASE("without a free descriptor nothing is read, rather than a call tried that a filter may forbid") {
  rlimit before;
  REQUIRE(getrlimit(RLIMIT_NOFILE, &before) == 0);
  const rlimit none = {0, before.rlim_max};
  REQUIRE(setrlimit(RLIMIT_NOFILE, &none) == 0);
  const int value = 42;
  int out = 0;
  const size_t got = read_local_memory(reinterpret_cast<uintptr_t>(&value), &out, sizeof out);
  setrlimit(RLIMIT_NOFILE, &before);
  CHECK(got == 0);
  CHECK(out == 0);
}

TEST_CASE("the range around an address joins neighbouring mappings and ends at the first that is not alike") {
  Pages pages(4);
  // A page with another flag is a mapping of its own; one without write permission ends the range.
  REQUIRE(madvise(reinterpret_cast<void*>(pages.address(1)), kPage, MADV_DONTFORK) == 0);
  pages.protect(3, 1, PROT_READ);
  for (const size_t page : {size_t{0}, size_t{1}, size_t{2}}) {
    const MemoryRange range = mapped_around(pages.address(page) + 17, MappedAs::stack);
    CHECK(range.start == pages.address(0));
    CHECK(range.end == pages.address(3));
  }
  const MemoryRange none = mapped_around(pages.address(3), MappedAs::stack);
  CHECK(none.start == none.end);
}

TEST_CASE("code is found as code, and is no stack") {
  const auto function = reinterpret_cast<uintptr_t>(&mapped_around);
  CHECK(mapped_around(function, MappedAs::code).contains(function));
  CHECK_FALSE(mapped_around(function, MappedAs::stack).contains(function));
}

TEST_CASE("a thread's stack is found by an address in it") {
  std::thread([] {
    const int local = 0;
    const auto address = reinterpret_cast<uintptr_t>(&local);
    CHECK(mapped_around(address, MappedAs::stack).contains(address));
  }).join();
}
