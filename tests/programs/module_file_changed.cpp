// After a module was loaded, its file is deleted, replaced by another, or cut off behind what is mapped: the reports come,
// with whole stacks, and a function of the module either bears its own name or none.
// RUN-ENV: HOLDWATCH_LIMIT=200ms
// EXPECT-JSON: len(over) == 3 and len(released) == 3
// EXPECT-JSON: all(holder(r)["now"]["complete"] and holder(r)["taken"]["complete"] for r in over)
// EXPECT-JSON: all(any("/changed_" in (f["module"] or "") and f["build_id"] for f in holder(r)[which]["frames"])
//     for r in over for which in ("now", "taken"))
// EXPECT-JSON: all(f["function"] is None or "module_" in f["function"] for r in over
//     for which in ("now", "taken") for f in holder(r)[which]["frames"] if "/changed_" in (f["module"] or ""))
#include <algorithm>

#include "tests/programs/damage.h"

namespace {

std::string load_copy(const char* name, const std::string& bytes, damage::Works* works) {
  const std::string path = harness::temporary_path(name);
  damage::write_file(path, bytes);
  *works = damage::load(path);
  return path;
}

// One past the last byte of the file that is mapped.
size_t mapped_size(const std::string& elf) {
  Elf64_Ehdr header;
  std::memcpy(&header, elf.data(), sizeof header);
  size_t end = 0;
  for (size_t i = 0; i < header.e_phnum; ++i) {
    Elf64_Phdr segment;
    std::memcpy(&segment, elf.data() + header.e_phoff + i * sizeof segment, sizeof segment);
    if (segment.p_type == PT_LOAD) end = std::max<size_t>(end, segment.p_offset + segment.p_filesz);
  }
  return end;
}

}  // namespace

int main(int, char** argv) {
  const std::string whole = damage::module_beside(argv[0]);
  damage::Works works = nullptr;

  CHECK(unlink(load_copy("changed_deleted.so", whole, &works).c_str()) == 0);
  damage::hold_in(works);

  // As an upgrade does it; the other file has all functions elsewhere.
  const std::string replaced = load_copy("changed_replaced.so", whole, &works);
  damage::write_file(replaced + ".new", harness::read_file(argv[0]));
  CHECK(rename((replaced + ".new").c_str(), replaced.c_str()) == 0);
  damage::hold_in(works);

  // Symbols, debug data and section headers are gone. Cutting off what is mapped would kill the program itself.
  const std::string cut = load_copy("changed_cut.so", whole, &works);
  CHECK(truncate(cut.c_str(), static_cast<off_t>(mapped_size(whole))) == 0);
  damage::hold_in(works);
}
