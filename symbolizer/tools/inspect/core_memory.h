// The memory of a process that left a core file: what the core contains, and otherwise, for files that were mapped, the
// files themselves, if they are unchanged.
// Cold context; one thread at a time.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "symbolizer/tools/inspect/core_file.h"

namespace holdwatch {

// A file's bytes by offset.
class FileBytes final : public MemoryReader {
 public:
  // Null if there is no regular file that can be read; then errno is the reason.
  static std::unique_ptr<FileBytes> open(const std::string& path);
  ~FileBytes() override;
  FileBytes(const FileBytes&) = delete;
  FileBytes& operator=(const FileBytes&) = delete;
  size_t read(uintptr_t offset, void* out, size_t size) override;

 private:
  explicit FileBytes(int descriptor) : descriptor_(descriptor) {}
  int descriptor_;
};

class CoreMemory final : public MemoryReader {
 public:
  // Both must outlive this.
  CoreMemory(const CoreFile& core, MemoryReader& file) : core_(core), file_(file) {}

  size_t read(uintptr_t address, void* out, size_t size) override;

  // Whether a part of a mapped file is code, according to the file's program headers; true if the file cannot be used.
  bool is_code(const CoreMapping& part);

  // Files that are missing or have changed, by path, and what is wrong with each: their code cannot be read.
  const std::map<std::string, std::string>& missing() const { return missing_; }

 private:
  size_t read_piece(uintptr_t address, void* out, size_t size);
  size_t read_stored(uintptr_t address, void* out, size_t size);
  size_t read_mapped(uintptr_t address, void* out, size_t size);
  FileBytes* mapped_file(const CoreMapping& mapping);
  std::string why_not_same(const CoreMapping& mapping, FileBytes& file);

  const CoreFile& core_;
  MemoryReader& file_;
  std::map<std::string, std::unique_ptr<FileBytes>> files_;  // by path; null: cannot be used
  std::map<std::string, std::string> missing_;
};

}  // namespace holdwatch
