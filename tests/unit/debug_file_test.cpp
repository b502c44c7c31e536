// The rules of debug_file that need no files; tests/symbols has the others.
#include "symbolizer/symbols/debug_file.h"

#include <string>

#include "symbolizer/unwind/elf_notes.h"
#include "tests/catch.h"

namespace holdwatch {
namespace {

TEST_CASE("the debug link's checksum is CRC-32, and can be taken in pieces") {
  CHECK(debuglink_crc(0, "123456789") == 0xcbf43926);  // the check value of CRC-32/ISO-HDLC
  CHECK(debuglink_crc(debuglink_crc(0, "1234"), "56789") == 0xcbf43926);
  CHECK(debuglink_crc(0, "") == 0);
}

TEST_CASE("a build id is written in lower-case hex digits") {
  CHECK(to_hex(std::string("\x00\x7f\xab\xff", 4)) == "007fabff");
  CHECK(to_hex("") == "");
}

TEST_CASE("a module without a path, or with one that is no path, has no file") {
  Module module;
  CHECK(open_module_file(module, {}) == nullptr);
  for (const char* path : {"[heap]", "[stack]", "anon_inode:x", "relative.so"}) {
    module.path = path;
    CHECK(open_module_file(module, {}) == nullptr);
  }
}

TEST_CASE("only the process's own vdso is copied from memory") {
  Module module;
  module.path = "[vdso]";
  module.start = 0x1000;  // of another process: reading it here would crash
  module.end = 0x3000;
  CHECK(open_module_file(module, {}) == nullptr);
}

}  // namespace
}  // namespace holdwatch
