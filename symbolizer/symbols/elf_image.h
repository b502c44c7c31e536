// One ELF file (or the copy of one), opened for reading symbols and debug data.
// Cold context only. Reads with pread and never maps the file: if a mapped file is truncated, access to it raises
// SIGBUS, and this process is not ours.
#pragma once

#include <libelf.h>
#include <sys/stat.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "symbolizer/symbols/pages.h"

namespace holdwatch {

class ElfImage {
 public:
  // Null if there is no regular file at `path`, it cannot be read, or it is not an ELF file.
  static std::unique_ptr<ElfImage> open(const std::string& path);
  static std::unique_ptr<ElfImage> from_bytes(std::vector<char> bytes);
  // A copy of `origin` in other memory, under the same path.
  static std::unique_ptr<ElfImage> from_pages(Pages pages, const ElfImage& origin);

  ElfImage(const ElfImage&) = delete;
  ElfImage& operator=(const ElfImage&) = delete;
  ~ElfImage();

  Elf* elf() const { return elf_; }
  const std::string& path() const { return path_; }
  const std::string& build_id() const { return build_id_; }  // hex, empty if there is none
  int descriptor() const { return descriptor_; }             // -1 once the file is closed
  uint64_t inode() const { return status_.st_ino; }
  uint64_t device() const { return status_.st_dev; }
  off_t size() const { return status_.st_size; }
  const timespec& modified() const { return status_.st_mtim; }

  // The section of that name if it has contents in this file, else null.
  Elf_Scn* section(std::string_view name) const;
  // The first section of that type (SHT_SYMTAB ...) with contents, else null.
  Elf_Scn* section_of_type(uint32_t type) const;
  std::string_view section_name(Elf_Scn* section) const;
  // The section's bytes as in the file; empty on any failure. Valid as long as the image.
  std::string_view bytes(Elf_Scn* section) const;
  // The bytes of the section of that name; empty if there is none.
  std::string_view contents(std::string_view name) const;

  // The section as libelf translates it; null on any failure.
  Elf_Data* data(Elf_Scn* section) const;

  // Bytes of the section once inflated, 0 if it has none.
  size_t inflated_size(Elf_Scn* section) const;

  // Closes the file; what was read stays readable. An open descriptor would use up one of the program's limited number,
  // and if the program closes all descriptors and opens its own, we would read those.
  void close_file();

 private:
  static constexpr size_t kMaxSection = size_t{512} << 20;  // the symbol names of the largest browsers are half of that

  ElfImage() = default;
  bool begin();
  bool notes_are_small() const;
  // Whether the section has contents, of a size that is worth reading: the size in a header may be that of a hole in
  // the file.
  bool is_readable(Elf_Scn* section) const;
  size_t old_inflated_size(Elf_Scn* section, size_t size) const;

  std::string path_;
  std::string build_id_;
  std::vector<char> bytes_;  // empty for a file
  Pages pages_;              // likewise
  struct stat status_ = {};
  int descriptor_ = -1;
  Elf* elf_ = nullptr;
};

}  // namespace holdwatch
