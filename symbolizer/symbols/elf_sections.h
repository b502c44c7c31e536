// The sections of an ELF file, read without a library: enough to show what kind of program it is, on any machine.
// Cold context only. The file may be damaged: every count, size and offset in it is checked before use.
#pragma once

#include <elf.h>
#include <sys/stat.h>

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace holdwatch {

class ElfSections {
 public:
  // Null if there is no regular file at `path`, it cannot be read, or it is not an ELF file for this machine.
  static std::unique_ptr<ElfSections> open(const std::string& path);

  ElfSections(const ElfSections&) = delete;
  ElfSections& operator=(const ElfSections&) = delete;
  ~ElfSections();

  // Whether there is a section of that name with contents in this file.
  bool has(std::string_view name) const { return find(name) != nullptr; }
  // As in the file, read on first use; empty on any failure. Valid as long as this object.
  std::string_view contents(std::string_view name) const;

  const std::string& path() const { return path_; }
  const std::string& build_id() const { return build_id_; }  // hex, empty if there is none
  int descriptor() const { return descriptor_; }
  uint64_t inode() const { return status_.st_ino; }
  uint64_t device() const { return status_.st_dev; }
  off_t size() const { return status_.st_size; }

 private:
  ElfSections() = default;
  bool begin();
  std::string find_build_id() const;
  const Elf64_Shdr* find(std::string_view name) const;
  std::string read(uint64_t offset, uint64_t size) const;

  std::string path_;
  std::string build_id_;
  struct stat status_ = {};
  int descriptor_ = -1;
  std::vector<Elf64_Shdr> headers_;
  std::string names_;
  mutable std::map<const Elf64_Shdr*, std::string> contents_;
};

}  // namespace holdwatch
