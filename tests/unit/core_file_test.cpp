// The rules of symbolizer/tools/inspect/core_file.h.
#include "symbolizer/tools/inspect/core_file.h"

#include "tests/catch.h"
#include "tests/unit/fake_core.h"

using namespace holdwatch;
using test::FakeCore;

namespace {

CoreFile read(const test::ByteVector& bytes) {
  test::FakeMemory file = test::file_of(bytes);
  return read_core_file(file);
}

}  // namespace

TEST_CASE("a core file has the threads with their registers, and the call that a blocked one is in") {
  const CoreFile core = read(FakeCore().bytes());
  REQUIRE(core.fault.empty());
  CHECK(core.pid == 4700);
  CHECK(core.program == "server");
  REQUIRE(core.threads.size() == 2);
  CHECK(core.threads[0].tid == 4700);
  CHECK(core.threads[0].call.known);
  CHECK(core.threads[0].call.number == 202);
  CHECK(core.threads[0].call.arguments[0] == 0x600100);
  CHECK(core.threads[0].registers.ip == FakeCore::kText + 0x10);
  CHECK(core.threads[0].registers.bp == 0xb0);
  CHECK((core.threads[0].registers.known & Registers::kBpIsKnown) != 0);
  CHECK_FALSE(core.threads[1].call.known);
}

TEST_CASE("a thread is not blocked in a call that has ended") {
  FakeCore fake;
  fake.add_thread(4702, 202, 0, 0x600100, 128, 2);
  fake.add_thread(4703, 232, -EINTR, 0, 0, 0);
  const CoreFile core = read(fake.bytes());
  REQUIRE(core.threads.size() == 4);
  CHECK_FALSE(core.threads[2].call.known);
  CHECK(core.threads[3].call.known);
}

TEST_CASE("what a core file says of mappings reads like a maps file") {
  const CoreFile core = read(FakeCore().bytes());
  CHECK(maps_text(core) ==
        "400000-402000 r-xp 00000000 00:00 0 /bin/server\n"
        "600000-601000 rw-p 00002000 00:00 0 /bin/server\n"
        "7fff00000000-7fff00001000 r-xp 00000000 00:00 0 [vdso]\n");
}

TEST_CASE("a newline in a path is written as the kernel writes it") {
  FakeCore fake;
  CoreFile core = read(fake.bytes());
  core.mappings[0].path = "/a\nb";
  CHECK(maps_text(core).starts_with("400000-402000 r-xp 00000000 00:00 0 /a\\012b\n"));
}

TEST_CASE("parts of files without a segment are those that the core file leaves out") {
  CoreFile core;
  core.mappings = {{0x1000, 0x5000, 0x10000, "/lib/a"}, {0x6000, 0x7000, 0, "/lib/b"}};
  core.segments = {{0x2000, 0x3000, 0, 0, true, false, false}, {0x6000, 0x7000, 0, 0, true, false, false}};
  const std::vector<CoreMapping> parts = left_out(core);
  REQUIRE(parts.size() == 2);
  CHECK(parts[0].start == 0x1000);
  CHECK(parts[0].end == 0x2000);
  CHECK(parts[0].offset == 0x10000);
  CHECK(parts[1].start == 0x3000);
  CHECK(parts[1].end == 0x5000);
  CHECK(parts[1].offset == 0x12000);
}

TEST_CASE("what is not a core file of x86-64 is refused with the reason") {
  CHECK(read({}).fault == "is not a core file");
  test::ByteVector bytes = FakeCore().bytes();
  bytes[0] = 'x';
  CHECK(read(bytes).fault == "is not a core file");
  bytes = FakeCore().bytes();
  test::put(bytes, offsetof(Elf64_Ehdr, e_machine), Elf64_Half{EM_AARCH64});
  CHECK(read(bytes).fault.find("another architecture") != std::string::npos);
  bytes = FakeCore().bytes();
  test::put(bytes, offsetof(Elf64_Ehdr, e_type), Elf64_Half{ET_DYN});
  CHECK(read(bytes).fault.find("a program or library") != std::string::npos);
}

TEST_CASE("a core file without threads is damaged") {
  FakeCore fake;
  fake.notes.clear();
  CHECK(read(fake.bytes()).fault == "is damaged: it has no thread's registers");
}

TEST_CASE("a file whose end is missing is cut short, however much of it can be read") {
  test::ByteVector bytes = FakeCore().bytes();
  CHECK_FALSE(read(bytes).cut_short);
  bytes.pop_back();
  CHECK(read(bytes).cut_short);
  CHECK(read(bytes).fault.empty());
  bytes.resize(FakeCore().bytes().size() / 2);
  CHECK(read(bytes).cut_short);
  bytes.resize(sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr) + 10);
  CHECK(read(bytes).fault == "is truncated: no thread's registers are left");
}

namespace {

// A file of zeros as large as anybody asks for, behind program headers that are all of notes.
class EndlessNotes final : public MemoryReader {
 public:
  size_t read(uintptr_t offset, void* out, size_t size) override {
    std::memset(out, 0, size);
    asked_ += size;
    if (offset == 0 && size == sizeof header_) std::memcpy(out, &header_, sizeof header_);
    if (offset != header_.e_phoff) return size;
    const Elf64_Phdr segment{PT_NOTE, 0, uint64_t{1} << 40, 0, 0, uint64_t{1} << 40, 0, 1};
    for (size_t at = 0; at + sizeof segment <= size; at += sizeof segment)
      std::memcpy(static_cast<char*>(out) + at, &segment, sizeof segment);
    return size;
  }
  uint64_t asked() const { return asked_; }

 private:
  const Elf64_Ehdr header_ = test::core_header(1000);
  uint64_t asked_ = 0;
};

}  // namespace

TEST_CASE("the number of notes is bounded, whatever the headers say") {
  EndlessNotes file;
  CHECK_FALSE(read_core_file(file).fault.empty());
  CHECK(file.asked() < uint64_t{300} << 20);
}

TEST_CASE("segments that overlap are thinned, so that an address has one") {
  FakeCore fake;
  fake.add_segment(FakeCore::kData + 0x800, FakeCore::kPage, 0, PF_R);
  const CoreFile core = read(fake.bytes());
  CHECK(core.segments.size() == 3);
}
