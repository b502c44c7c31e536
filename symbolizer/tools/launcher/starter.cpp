// Executes another helper of the launcher, unless this system's glibc is too old for it: starter COMMAND HELPER
// ARGUMENT...
// The loader would end such a helper with messages of its own before any of our code runs. This program starts with
// every glibc.
#include <elf.h>
#include <gnu/libc-version.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string_view>

#include "shim/common/elf/headers.h"
#include "shim/common/elf/mapped_file.h"
#include "shim/common/glibc/version_names.h"

namespace holdwatch {
namespace {

constexpr int kCannot = 1, kBadUse = 2;

// From the loader's table of symbol names, which contains the names of the versions that the file requires.
unsigned needed_glibc_minor(const MappedFile& file) {
  Elf64_Ehdr header;
  unsigned minor = 0;
  if (read_elf_header(file, 0, &header) != ElfKind::ours) return minor;
  visit_sections(file, header, [&](const Elf64_Shdr& section) {
    Elf64_Shdr names;
    if (section.sh_type != SHT_DYNSYM || !read_section(file, header, section.sh_link, &names)) return false;
    const auto* start = file.at<char>(names.sh_offset, names.sh_size);
    if (start != nullptr) minor = highest_glibc_minor({start, names.sh_size});
    return true;
  });
  return minor;
}

int start(const char* command, char** helper) {
  const unsigned needed = needed_glibc_minor(MappedFile(helper[0]));
  if (needed > present_glibc_minor()) {
    std::fprintf(stderr, "holdwatch: %s needs glibc 2.%u, but this system has %s; build holdwatch on this system\n",
                 command, needed, gnu_get_libc_version());
    return kCannot;
  }
  execv(helper[0], helper);
  std::fprintf(stderr, "holdwatch: %s cannot run %s: %s\n", command, helper[0], std::strerror(errno));
  return kCannot;
}

}  // namespace
}  // namespace holdwatch

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fputs("holdwatch: internal helper of the launcher; usage: holdwatch --help\n", stderr);
    return holdwatch::kBadUse;
  }
  return holdwatch::start(argv[1], argv + 2);
}
