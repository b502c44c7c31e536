// The rules of symbolizer/tools/inspect/core_memory.h.
#include "symbolizer/tools/inspect/core_memory.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "tests/catch.h"
#include "tests/unit/fake_core.h"

using namespace holdwatch;
using test::FakeCore;

namespace {

// A file in the place of the one that was mapped.
class MappedFile {
 public:
  explicit MappedFile(const test::ByteVector& bytes) {
    close(mkstemp(path_));
    std::ofstream(path_, std::ios::binary).write(reinterpret_cast<const char*>(bytes.data()), std::ssize(bytes));
  }
  ~MappedFile() { unlink(path_); }
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  std::string path() const { return path_; }

 private:
  char path_[32] = "/tmp/core_memory_test_XXXXXX";
};

struct Fixture {
  test::FakeMemory file = test::file_of(FakeCore().bytes());
  CoreFile core = read_core_file(file);
  CoreMemory memory{core, file};
};

constexpr uintptr_t kLeftOut = FakeCore::kText + FakeCore::kPage;

}  // namespace

TEST_CASE("what is in the core file is read from there, and no further") {
  Fixture fixture;
  CHECK(fixture.memory.read_value<uint8_t>(FakeCore::kText) == 1);
  CHECK(fixture.memory.read_value<uint8_t>(FakeCore::kData) == 2);
  CHECK(fixture.memory.read_value<uint8_t>(FakeCore::kVdso + FakeCore::kPage - 1) == 3);
  CHECK_FALSE(fixture.memory.read_value<uint8_t>(FakeCore::kVdso + FakeCore::kPage));
  CHECK_FALSE(fixture.memory.read_value<uint16_t>(FakeCore::kVdso + FakeCore::kPage - 1));
}

TEST_CASE("what was left out is read from the file that was mapped") {
  test::FakeModule module(0, {{{0xc3}, {}}});
  const MappedFile mapped(module.image);
  Fixture fixture;
  for (CoreMapping& mapping : fixture.core.mappings) mapping.path = mapped.path();
  CHECK(fixture.memory.read_value<uint8_t>(kLeftOut) == 0xc3);
  CHECK(fixture.memory.missing().empty());
}

TEST_CASE("memory that the program could write to is never read from a file") {
  const MappedFile mapped(test::ByteVector(0x4000, 7));
  Fixture fixture;
  for (CoreMapping& mapping : fixture.core.mappings) mapping.path = mapped.path();
  fixture.core.segments[1].stored = 0;
  CHECK_FALSE(fixture.memory.read_value<uint8_t>(FakeCore::kData));
}

TEST_CASE("a file with another build id is not the one that was mapped") {
  test::FakeModule module(0, {{{0xc3}, {}}});
  // What was mapped stands in the core; what lies there now has another id.
  FakeCore fake;
  std::copy_n(module.image.begin(), FakeCore::kPage, fake.memory.begin());
  test::FakeMemory file = test::file_of(fake.bytes());
  CoreFile core = read_core_file(file);
  module.image[test::FakeModule::kNotes + 16] ^= 1;
  const MappedFile mapped(module.image);
  for (CoreMapping& mapping : core.mappings) mapping.path = mapped.path();
  CoreMemory memory(core, file);
  CHECK_FALSE(memory.read_value<uint8_t>(kLeftOut));
  CHECK(memory.missing().at(mapped.path()).find("build id") != std::string::npos);
}

TEST_CASE("a missing file is reported as missing") {
  Fixture fixture;
  for (CoreMapping& mapping : fixture.core.mappings) mapping.path = "/nonexistent/server";
  CHECK_FALSE(fixture.memory.read_value<uint8_t>(kLeftOut));
  CHECK(fixture.memory.missing().at("/nonexistent/server") == "No such file or directory");
}

TEST_CASE("neither a fifo nor a device is opened for a core file's word") {
  char path[] = "/tmp/core_memory_test_fifo_XXXXXX";
  close(mkstemp(path));
  unlink(path);
  REQUIRE(mkfifo(path, 0600) == 0);
  CHECK(FileBytes::open(path) == nullptr);
  unlink(path);
  CHECK(FileBytes::open("/dev/zero") == nullptr);
}

TEST_CASE("addresses at the end of the address space are read without an overflow") {
  Fixture fixture;
  char bytes[64];
  CHECK(fixture.memory.read(UINTPTR_MAX - 8, bytes, sizeof bytes) == 0);
}
