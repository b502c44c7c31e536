// A page fault's address, from code in this process's memory and pages of its own that are there or not.
#include "symbolizer/activity/page_fault.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstring>

#include "symbolizer/activity/words.h"
#include "symbolizer/unwind/process_memory.h"
#include "tests/catch.h"

using namespace holdwatch;

namespace {

constexpr size_t kPage = 4096;

// Two pages that nobody has touched, and code that loads from the sixth byte of the first.
struct Scene {
  Scene() {
    pages = static_cast<char*>(mmap(nullptr, 2 * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    REQUIRE(pages != MAP_FAILED);
    const uintptr_t address = reinterpret_cast<uintptr_t>(pages);
    std::memcpy(code + 2, &address, sizeof address);
    const auto start = reinterpret_cast<uintptr_t>(code);
    site.frames = {{start + 10, true, 0x8000, start, start + sizeof code}};
    site.mapped_at = [this](uintptr_t at) {
      return FileMapping{at - reinterpret_cast<uintptr_t>(pages) < 2 * kPage, path};
    };
  }
  ~Scene() { munmap(pages, 2 * kPage); }
  Scene(const Scene&) = delete;
  Scene& operator=(const Scene&) = delete;

  std::string text(const char* wait_channel = "folio_wait_bit") {
    const ThreadFiles files = ThreadFiles::of_ours(gettid());
    ProcessMemory memory(getpid());
    PresentMemory present(memory, files);
    return describe_page_fault(site, wait_channel, present);
  }
  std::string sixth_byte() const { return hex_in_words(reinterpret_cast<uintptr_t>(pages) + 5); }

  char* pages;
  std::string path;
  FaultSite site;
  unsigned char code[15] = {0x48, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0x0f, 0xb6, 0x40, 0x05, 0xc3};
};

}  // namespace

TEST_CASE("a page fault is at its instruction's operand, in what is mapped there") {
  Scene scene;
  CHECK(scene.text() == "page fault at " + scene.sixth_byte() + " (anonymous memory)");
  CHECK(scene.text("handle_userfault") == "page fault at " + scene.sixth_byte() + " (userfaultfd region)");
  scene.path = "/srv/data\n1";
  CHECK(scene.text() == "page fault at " + scene.sixth_byte() + " (/srv/data\\x0a1)");
}

TEST_CASE("an operand whose page is there is not what a thread waits for") {
  Scene scene;
  scene.pages[0] = 1;
  CHECK(scene.text() == "page fault");
  CHECK(scene.text("handle_userfault") == "page fault (userfaultfd region)");
}

TEST_CASE("where the thread is, or what is mapped, may not be known") {
  Scene scene;
  scene.site.mapped_at = [](uintptr_t) { return FileMapping{}; };
  CHECK(scene.text() == "page fault");
  scene.site = {};
  CHECK(scene.text() == "page fault");
}

TEST_CASE("of a call's arguments the one whose page is missing is what it waits for") {
  Scene scene;
  const ThreadFiles files = ThreadFiles::of_ours(gettid());
  ProcessMemory memory(getpid());
  PresentMemory present(memory, files);
  SystemCall call{true, 0, {3, reinterpret_cast<uintptr_t>(scene.pages), 100, 0, 0, 0}};
  CHECK(describe_fault_in_call(call, scene.site, present) ==
        "page fault at " + hex_in_words(call.arguments[1]) + " (userfaultfd region)");
  call.arguments[2] = call.arguments[1] + kPage;
  CHECK(describe_fault_in_call(call, scene.site, present) == "page fault (userfaultfd region)");
}

TEST_CASE("memory whose page is not there is not read") {
  Scene scene;
  const ThreadFiles files = ThreadFiles::of_ours(gettid());
  ProcessMemory memory(getpid());
  PresentMemory present(memory, files);
  scene.pages[0] = 'x';
  char bytes[8] = {};
  CHECK(present.read(reinterpret_cast<uintptr_t>(scene.pages) + kPage - 4, bytes, 8) == 4);
  CHECK(present.read(reinterpret_cast<uintptr_t>(scene.pages) + kPage, bytes, 8) == 0);
  CHECK(present.page_state(reinterpret_cast<uintptr_t>(scene.pages) + kPage)->is_present == false);
}
