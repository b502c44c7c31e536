// See elf_sections.h.
#include "symbolizer/symbols/elf_sections.h"

#include <fcntl.h>
#include <unistd.h>

#include "shim/common/elf/headers.h"
#include "shim/common/elf/open_file.h"
#include "symbolizer/unwind/elf_notes.h"

namespace holdwatch {
namespace {

constexpr uint64_t kMaxRead = uint64_t{512} << 20;  // the code of the largest browsers is half of that
constexpr uint64_t kMaxNotes = uint64_t{1} << 20;

}  // namespace

std::unique_ptr<ElfSections> ElfSections::open(const std::string& path) {
  std::unique_ptr<ElfSections> file(new ElfSections);
  file->path_ = path;
  // O_NONBLOCK: opening a fifo must not wait for its writer.
  file->descriptor_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  if (file->descriptor_ < 0) return nullptr;
  if (fstat(file->descriptor_, &file->status_) != 0 || !S_ISREG(file->status_.st_mode)) return nullptr;
  return file->begin() ? std::move(file) : nullptr;
}

ElfSections::~ElfSections() {
  if (descriptor_ >= 0) close(descriptor_);
}

// A file without section headers, or with damaged ones, counts as one without sections.
bool ElfSections::begin() {
  Elf64_Ehdr header;
  const DescriptorSource file{descriptor_};
  if (read_elf_header(file, 0, &header) != ElfKind::ours) return false;
  visit_sections(file, header, [&](const Elf64_Shdr& section) {
    headers_.push_back(section);
    return false;
  });
  if (headers_.size() != header.e_shnum || header.e_shstrndx >= headers_.size()) {
    headers_.clear();
    return true;
  }
  const Elf64_Shdr& names = headers_[header.e_shstrndx];
  names_ = read(names.sh_offset, names.sh_size);
  build_id_ = find_build_id();
  return true;
}

std::string ElfSections::find_build_id() const {
  for (const Elf64_Shdr& header : headers_) {
    if (header.sh_type != SHT_NOTE || header.sh_size > kMaxNotes) continue;
    std::string id = build_id_in(read(header.sh_offset, header.sh_size), header.sh_addralign);
    if (!id.empty()) return id;
  }
  return {};
}

const Elf64_Shdr* ElfSections::find(std::string_view name) const {
  for (const Elf64_Shdr& header : headers_) {
    if (header.sh_type == SHT_NOBITS || header.sh_size == 0 || header.sh_name >= names_.size()) continue;
    if (name == names_.c_str() + header.sh_name) return &header;
  }
  return nullptr;
}

std::string_view ElfSections::contents(std::string_view name) const {
  const Elf64_Shdr* header = find(name);
  if (header == nullptr) return {};
  const auto [entry, is_new] = contents_.try_emplace(header);
  if (is_new) entry->second = read(header->sh_offset, header->sh_size);
  return entry->second;
}

// Reads all of it, or nothing.
std::string ElfSections::read(uint64_t offset, uint64_t size) const {
  const auto end = static_cast<uint64_t>(status_.st_size);
  if (size > kMaxRead || offset > end || size > end - offset) return {};
  std::string bytes(size, '\0');
  return DescriptorSource{descriptor_}.read(offset, bytes.data(), size) == size ? bytes : std::string();
}

}  // namespace holdwatch
