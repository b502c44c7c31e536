// The build id among notes: with either padding, behind others, and cut off.
#include "symbolizer/unwind/elf_notes.h"

#include <elf.h>

#include <string>

#include "tests/catch.h"

using namespace holdwatch;

namespace {

std::string padded(std::string text, size_t unit) {
  while (text.size() % unit != 0) text += '\0';
  return text;
}

std::string note(uint32_t type, const std::string& name, const std::string& description, size_t unit) {
  const Elf64_Nhdr header = {static_cast<uint32_t>(name.size() + 1), static_cast<uint32_t>(description.size()), type};
  std::string bytes(reinterpret_cast<const char*>(&header), sizeof header);
  bytes = padded(bytes + name + '\0', unit);
  return padded(bytes + description, unit);
}

const std::string kId("\x01\xab\x00\xff\x10", 5);

}  // namespace

TEST_CASE("the build id is found behind other notes, whatever the padding") {
  for (const size_t unit : {size_t{4}, size_t{8}}) {
    const std::string notes = note(NT_GNU_PROPERTY_TYPE_0, "GNU", "12345678", unit) +
                              note(NT_GNU_BUILD_ID, "Go", "no", unit) + note(NT_GNU_BUILD_ID, "GNU", kId, unit);
    CHECK(build_id_in(notes, unit) == "01ab00ff10");
  }
}

TEST_CASE("notes that are cut off, or claim to be huge, have no build id") {
  const std::string notes = note(NT_GNU_BUILD_ID, "GNU", kId, 4);
  CHECK(build_id_in(notes.substr(0, sizeof(Elf64_Nhdr) + 4 + kId.size() - 1), 4).empty());
  CHECK(build_id_in(notes.substr(0, 5), 4).empty());
  CHECK(build_id_in("", 4).empty());
  CHECK(build_id_in(std::string(64, '\xff'), 4).empty());
}
