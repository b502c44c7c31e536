// Sections of this very program, and of files that are damaged or no ELF files.
#include "symbolizer/symbols/elf_sections.h"

#include <unistd.h>

#include <cstring>
#include <fstream>
#include <sstream>
#include <string>

#include "tests/catch.h"

using namespace holdwatch;

namespace {

std::string bytes_of_self() {
  std::ostringstream bytes;
  bytes << std::ifstream("/proc/self/exe", std::ios::binary).rdbuf();
  return bytes.str();
}

class File {
 public:
  explicit File(const std::string& bytes) {
    descriptor_ = mkstemp(path_.data());
    REQUIRE(write(descriptor_, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
  }
  ~File() {
    close(descriptor_);
    unlink(path_.c_str());
  }
  std::unique_ptr<ElfSections> open() const { return ElfSections::open(path_); }

 private:
  std::string path_ = "/tmp/holdwatch-sections-XXXXXX";
  int descriptor_;
};

}  // namespace

TEST_CASE("sections are found by name, with their contents, and one without contents is empty") {
  const auto self = ElfSections::open("/proc/self/exe");
  REQUIRE(self != nullptr);
  CHECK(self->contents(".interp").starts_with("/lib"));
  CHECK(self->has(".text"));
  CHECK_FALSE(self->has(".bss"));
  CHECK_FALSE(self->has(".no-such-section"));
  CHECK(self->contents(".no-such-section").empty());
}

TEST_CASE("what is no ELF file is not opened, and one whose sections are damaged has none") {
  CHECK(ElfSections::open("/nowhere") == nullptr);
  CHECK(ElfSections::open("/tmp") == nullptr);
  CHECK(File("").open() == nullptr);
  CHECK(File("#!/bin/sh\necho a script that is longer than an ELF header would be, and so on\n").open() == nullptr);
  std::string bytes = bytes_of_self();
  Elf64_Ehdr header;
  memcpy(&header, bytes.data(), sizeof header);
  header.e_shoff = bytes.size() - 1;
  memcpy(bytes.data(), &header, sizeof header);
  const auto damaged = File(bytes).open();
  REQUIRE(damaged != nullptr);
  CHECK_FALSE(damaged->has(".text"));
}
