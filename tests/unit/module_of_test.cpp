#include "shim/fallback/module_of.h"

#include <dlfcn.h>
#include <link.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <string>

#include "tests/catch.h"

namespace holdwatch {
namespace {

std::string module_of(uintptr_t address) {
  Line<512> line;
  append_module_of(address, line);
  return std::string(line);
}

uintptr_t address_of(void* code) {
  return reinterpret_cast<uintptr_t>(code);
}

std::string hex(uintptr_t value) {
  Line<32> line;
  line << Hex{value};
  return std::string(line);
}

// The build id that the loader's own list of objects shows for the one with `code` in it.
std::string build_id_of(void* code) {
  struct Scan {
    uintptr_t address;
    std::string found;
  } search{address_of(code), ""};
  dl_iterate_phdr(
      [](dl_phdr_info* info, size_t, void* context) {
        auto& wanted = *static_cast<Scan*>(context);
        bool contains = false;
        for (int i = 0; i < info->dlpi_phnum; ++i)
          contains |= info->dlpi_phdr[i].p_type == PT_LOAD &&
                      wanted.address - info->dlpi_addr - info->dlpi_phdr[i].p_vaddr < info->dlpi_phdr[i].p_memsz;
        for (int i = 0; contains && i < info->dlpi_phnum; ++i) {
          if (info->dlpi_phdr[i].p_type != PT_NOTE) continue;
          const auto* notes = reinterpret_cast<const char*>(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
          const auto* const end = notes + info->dlpi_phdr[i].p_memsz;
          while (notes < end) {
            ElfW(Nhdr) note;
            memcpy(&note, notes, sizeof note);
            const size_t align = info->dlpi_phdr[i].p_align == 8 ? 7 : 3;
            const char* id = notes + ((sizeof note + note.n_namesz + align) & ~align);
            if (note.n_type == NT_GNU_BUILD_ID)
              for (size_t k = 0; k < note.n_descsz; ++k) {
                const auto byte = static_cast<unsigned char>(id[k]);
                wanted.found += "0123456789abcdef"[byte >> 4];
                wanted.found += "0123456789abcdef"[byte & 15];
              }
            notes = id + ((note.n_descsz + align) & ~align);
          }
        }
        return contains ? 1 : 0;
      },
      &search);
  return search.found;
}

// What the loader says of an address.
std::string expected(void* code) {
  Dl_info info;
  REQUIRE(dladdr(code, &info) != 0);
  const std::string path = info.dli_fname;
  const std::string id = build_id_of(code);
  return path.substr(path.rfind('/') + 1) + '+' + hex(address_of(code) - address_of(info.dli_fbase)) +
         (id.empty() ? "" : " (build id " + id + ")");
}

void some_function() {}

TEST_CASE("an address in a library is the library, the offset and the build id that the loader knows") {
  void* code = dlsym(RTLD_DEFAULT, "getpid");
  CHECK(module_of(address_of(code)) == expected(code));
  CHECK(module_of(address_of(code) + 1) != expected(code));
}

TEST_CASE("an address in the program itself is named by its file") {
  void* code = reinterpret_cast<void*>(&some_function);
  CHECK(module_of(address_of(code)) == expected(code));
}

TEST_CASE("an address that belongs to no file is the bare address") {
  void* page = mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  REQUIRE(page != MAP_FAILED);
  CHECK(module_of(address_of(page) + 5) == hex(address_of(page) + 5));
  munmap(page, 4096);
  CHECK(module_of(address_of(page) + 5) == hex(address_of(page) + 5));
  CHECK(module_of(0) == "0x0");
  const int local = 0;
  CHECK(module_of(reinterpret_cast<uintptr_t>(&local)) == hex(reinterpret_cast<uintptr_t>(&local)));
}

TEST_CASE("an address in a mapped file that is no program is the bare address") {
  char path[] = "/tmp/holdwatch-module-test-XXXXXX";
  const int file = mkstemp(path);
  REQUIRE(file >= 0);
  REQUIRE(ftruncate(file, 4096) == 0);
  void* page = mmap(nullptr, 4096, PROT_READ, MAP_PRIVATE, file, 0);
  close(file);
  unlink(path);
  REQUIRE(page != MAP_FAILED);
  CHECK(module_of(address_of(page)) == hex(address_of(page)));
  munmap(page, 4096);
}

// A file as a linker might have laid it out: two note segments of the same alignment, another vendor's note of the build
// id's number, and the build id behind notes that are padded to 8 bytes.
struct FileOfNotes {
  Elf64_Ehdr header{};
  Elf64_Phdr segments[4]{};
  struct Note {
    Elf64_Nhdr header;
    char name[4];
    unsigned char content[4];
  };
  Note others[2]{};
  Note first_padded{};
  unsigned char padding[4]{};
  Note id{};
  unsigned char more_padding[4]{};

  FileOfNotes() {
    memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = ELFCLASS64;
    header.e_machine = EM_X86_64;
    header.e_phentsize = sizeof(Elf64_Phdr);
    header.e_phoff = offsetof(FileOfNotes, segments);
    header.e_phnum = 4;
    segments[0].p_type = PT_LOAD;
    add_segment(1, offsetof(FileOfNotes, others[0]), sizeof(Note), 4);
    add_segment(2, offsetof(FileOfNotes, first_padded), sizeof(FileOfNotes) - offsetof(FileOfNotes, first_padded), 8);
    add_segment(3, offsetof(FileOfNotes, others[1]), sizeof(Note), 4);
    others[0] = {{4, 4, NT_GNU_BUILD_ID}, {'X', 'e', 'n', 0}, {1, 2, 3, 4}};
    others[1] = {{4, 4, NT_GNU_ABI_TAG}, {'G', 'N', 'U', 0}, {0, 0, 0, 0}};
    first_padded = {{4, 4, NT_GNU_PROPERTY_TYPE_0}, {'G', 'N', 'U', 0}, {0, 0, 0, 0}};
    id = {{4, 4, NT_GNU_BUILD_ID}, {'G', 'N', 'U', 0}, {0xab, 0xcd, 0x01, 0x23}};
  }
  void add_segment(size_t number, size_t offset, size_t size, size_t align) {
    segments[number] = {PT_NOTE, PF_R, offset, offset, offset, size, size, align};
  }
};

TEST_CASE("the build id is found in any note segment") {
  char path[] = "/tmp/holdwatch-module-test-XXXXXX";
  const int file = mkstemp(path);
  REQUIRE(file >= 0);
  const FileOfNotes content;
  REQUIRE(write(file, &content, sizeof content) == sizeof content);
  REQUIRE(ftruncate(file, 4096) == 0);
  void* page = mmap(nullptr, 4096, PROT_READ, MAP_PRIVATE, file, 0);
  close(file);
  REQUIRE(page != MAP_FAILED);
  CHECK(module_of(address_of(page) + 5) == std::string(path).substr(5) + "+0x5 (build id abcd0123)");
  munmap(page, 4096);
  unlink(path);
}

}  // namespace
}  // namespace holdwatch
