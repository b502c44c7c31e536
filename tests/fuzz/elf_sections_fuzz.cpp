// libFuzzer target: a program's file with any bytes changed, or that ends too early, as `doctor` reads it. Sections and what is
// told from them may be missing or wrong then, but no size or offset in the file leads out of it.
#include "symbolizer/symbols/elf_sections.h"

#include <sys/mman.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "symbolizer/symbols/program_file.h"
#include "tests/fuzz/fuzz.h"

using namespace holdwatch;
using fuzz::check;

namespace {

struct Section {
  const char* name;
  uint32_t type;
  std::string contents;
};

template <typename Type>
std::string bytes_of(const Type& value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

std::string build_id_note() {
  return bytes_of(Elf64_Nhdr{4, 20, NT_GNU_BUILD_ID}) + std::string("GNU\0", 4) + std::string(20, '\x5a');
}

// Two functions that are imported, one that is exported.
std::string symbols() {
  Elf64_Sym imported{}, exported{};
  imported.st_name = 1;
  exported.st_name = 20;
  exported.st_shndx = 1;
  exported.st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC);
  return bytes_of(Elf64_Sym{}) + bytes_of(imported) + bytes_of(imported) + bytes_of(exported);
}

const std::vector<Section>& sections() {
  using std::string_literals::operator""s;
  static const std::vector<Section> all = {
      {".note.gnu.build-id", SHT_NOTE, build_id_note()},
      {".dynsym", SHT_DYNSYM, symbols()},
      {".dynstr", SHT_STRTAB, "\0pthread_mutex_lock\0broadcast\0GLIBC_2.34\0GLIBC_2.2.5\0"s},
      {".eh_frame_hdr", SHT_PROGBITS, "\x01\x1b\x03\x3b\x40\x00\x00\x00\x02\x00\x00\x00"s},
      {".text", SHT_PROGBITS, "\x55\x48\x89\xe5\xc3\x55\x48\x89\xe5\xc3"s},
      {".comment", SHT_PROGBITS, "rustc version 1.63.0\0"s},
      {".bss", SHT_NOBITS, ""s},
  };
  return all;
}

// The headers come last, after the sections' names.
std::string make_file() {
  std::string body, names(1, '\0');
  std::vector<Elf64_Shdr> headers(1);
  const auto add = [&](const char* name, uint32_t type, const std::string& contents) {
    Elf64_Shdr header{};
    header.sh_name = static_cast<uint32_t>(names.size());
    header.sh_type = type;
    header.sh_offset = sizeof(Elf64_Ehdr) + body.size();
    header.sh_size = contents.size();
    header.sh_addralign = 4;
    headers.push_back(header);
    names.append(name).push_back('\0');
    body += contents;
  };
  for (const Section& section : sections()) add(section.name, section.type, section.contents);
  add(".shstrtab", SHT_STRTAB, names + ".shstrtab");
  Elf64_Ehdr header{};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_machine = EM_X86_64;
  header.e_shentsize = sizeof(Elf64_Shdr);
  header.e_shoff = sizeof header + body.size();
  header.e_shnum = static_cast<uint16_t>(headers.size());
  header.e_shstrndx = static_cast<uint16_t>(headers.size() - 1);
  std::string file = bytes_of(header) + body;
  for (const Elf64_Shdr& each : headers) file += bytes_of(each);
  return file;
}

// One file for all inputs: the path by which it is opened.
std::string store(const std::string& bytes) {
  static const int file = memfd_create("fuzz", MFD_CLOEXEC);
  check(ftruncate(file, 0) == 0 && pwrite(file, bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size()));
  return "/proc/self/fd/" + std::to_string(file);
}

void check_sections(const std::string& path, size_t size) {
  const auto file = ElfSections::open(path);
  if (file == nullptr) return;
  check(static_cast<size_t>(file->size()) == size && file->build_id().size() <= 2 * size);
  for (const Section& section : sections()) {
    const std::string_view contents = file->contents(section.name);
    check(contents.size() <= size && (contents.empty() || file->has(section.name)));
    check(contents.data() == file->contents(section.name).data());
  }
}

// Where debug data is looked for is the file's word, and so left out.
void check_program(const std::string& path, size_t size) {
  const ProgramFile program(path);
  if (!program.is_readable()) return;
  program.is_go();
  program.is_rust();
  program.keeps_frame_pointers();
  program.glibc_minor();
  const size_t most = size / sizeof(Elf64_Sym);
  check(program.imported_lock_functions().size() <= most && program.defined_lock_functions().size() <= most);
}

}  // namespace

// As it stands, everything is found: else the changes would be changes of nothing.
extern "C" int LLVMFuzzerInitialize(int*, char***) {
  const std::string path = store(make_file());
  const auto file = ElfSections::open(path);
  check(file != nullptr && file->build_id().size() == 40 && file->contents(".comment").starts_with("rustc"));
  check(!file->has(".bss"));
  const ProgramFile program(path);
  check(program.is_rust() && program.keeps_frame_pointers() && program.glibc_minor() == 34);
  check(program.imported_lock_functions().size() == 2 && program.defined_lock_functions().empty());
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, size_t size) {
  fuzz::Choices choices(data, size);
  std::string bytes = make_file();
  const auto cut = choices.take<uint16_t>();
  fuzz::edit(choices, bytes, 1 + choices.take<uint8_t>() % 32);
  if (cut % 4 == 1) bytes.resize(cut % bytes.size());
  const std::string path = store(bytes);
  check_sections(path, bytes.size());
  check_program(path, bytes.size());
  return 0;
}
