// Opens ELF files with libelf and returns their sections. See elf_image.h.
// Cold context only.
#include "symbolizer/symbols/elf_image.h"

#include <elfutils/libdwelf.h>
#include <endian.h>
#include <fcntl.h>
#include <gelf.h>
#include <unistd.h>

#include <cstring>
#include <utility>

#include "symbolizer/unwind/elf_notes.h"

namespace holdwatch {

std::unique_ptr<ElfImage> ElfImage::open(const std::string& path) {
  std::unique_ptr<ElfImage> image(new ElfImage);
  image->path_ = path;
  // O_NONBLOCK: opening a fifo must not wait for its writer.
  image->descriptor_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  if (image->descriptor_ < 0) return nullptr;
  if (fstat(image->descriptor_, &image->status_) != 0 || !S_ISREG(image->status_.st_mode)) return nullptr;
  return image->begin() ? std::move(image) : nullptr;
}

std::unique_ptr<ElfImage> ElfImage::from_bytes(std::vector<char> bytes) {
  std::unique_ptr<ElfImage> image(new ElfImage);
  image->bytes_ = std::move(bytes);
  return image->begin() ? std::move(image) : nullptr;
}

std::unique_ptr<ElfImage> ElfImage::from_pages(Pages pages, const ElfImage& origin) {
  std::unique_ptr<ElfImage> image(new ElfImage);
  image->pages_ = std::move(pages);
  image->path_ = origin.path_;
  image->status_ = origin.status_;
  if (!image->begin()) return nullptr;
  image->build_id_ = origin.build_id_;
  return image;
}

bool ElfImage::begin() {
  elf_version(EV_CURRENT);
  if (descriptor_ >= 0)
    elf_ = elf_begin(descriptor_, ELF_C_READ, nullptr);
  else if (pages_.data() != nullptr)
    elf_ = elf_memory(static_cast<char*>(pages_.data()), pages_.size());
  else
    elf_ = elf_memory(bytes_.data(), bytes_.size());
  if (elf_ == nullptr || elf_kind(elf_) != ELF_K_ELF || !notes_are_small()) return false;
  const void* id = nullptr;
  ssize_t size = dwelf_elf_gnu_build_id(elf_, &id);
  if (size > 0) build_id_ = to_hex({static_cast<const char*>(id), static_cast<size_t>(size)});
  return true;
}

// libelf reads notes as a whole to find the build id.
bool ElfImage::notes_are_small() const {
  constexpr size_t kMaxNotes = size_t{1} << 20;
  size_t segments = 0;
  GElf_Phdr segment;
  GElf_Shdr header;
  if (elf_getphdrnum(elf_, &segments) != 0) return false;
  for (size_t i = 0; i < segments && gelf_getphdr(elf_, static_cast<int>(i), &segment) != nullptr; ++i) {
    if (segment.p_type == PT_NOTE && segment.p_filesz > kMaxNotes) return false;
  }
  for (Elf_Scn* section = elf_nextscn(elf_, nullptr); section != nullptr; section = elf_nextscn(elf_, section)) {
    if (gelf_getshdr(section, &header) != nullptr && header.sh_type == SHT_NOTE && header.sh_size > kMaxNotes)
      return false;
  }
  return true;
}

ElfImage::~ElfImage() {
  if (elf_ != nullptr) elf_end(elf_);
  if (descriptor_ >= 0) close(descriptor_);
}

std::string_view ElfImage::section_name(Elf_Scn* section) const {
  GElf_Shdr header;
  size_t names = 0;
  if (elf_getshdrstrndx(elf_, &names) != 0 || gelf_getshdr(section, &header) == nullptr) return {};
  const char* name = elf_strptr(elf_, names, header.sh_name);
  return name != nullptr ? name : std::string_view{};
}

Elf_Scn* ElfImage::section(std::string_view name) const {
  for (Elf_Scn* section = elf_nextscn(elf_, nullptr); section != nullptr; section = elf_nextscn(elf_, section)) {
    if (section_name(section) == name) return inflated_size(section) != 0 ? section : nullptr;
  }
  return nullptr;
}

Elf_Scn* ElfImage::section_of_type(uint32_t type) const {
  for (Elf_Scn* section = elf_nextscn(elf_, nullptr); section != nullptr; section = elf_nextscn(elf_, section)) {
    GElf_Shdr header;
    if (gelf_getshdr(section, &header) != nullptr && header.sh_type == type) return section;
  }
  return nullptr;
}

bool ElfImage::is_readable(Elf_Scn* section) const {
  GElf_Shdr header;
  return gelf_getshdr(section, &header) != nullptr && header.sh_type != SHT_NOBITS && header.sh_size <= kMaxSection;
}

Elf_Data* ElfImage::data(Elf_Scn* section) const {
  return is_readable(section) ? elf_getdata(section, nullptr) : nullptr;
}

std::string_view ElfImage::bytes(Elf_Scn* section) const {
  Elf_Data* data = is_readable(section) ? elf_rawdata(section, nullptr) : nullptr;
  if (data == nullptr || data->d_buf == nullptr) return {};
  return {static_cast<const char*>(data->d_buf), data->d_size};
}

std::string_view ElfImage::contents(std::string_view name) const {
  Elf_Scn* found = section(name);
  return found == nullptr ? std::string_view{} : bytes(found);
}

size_t ElfImage::inflated_size(Elf_Scn* section) const {
  GElf_Shdr header;
  if (gelf_getshdr(section, &header) == nullptr || header.sh_type == SHT_NOBITS) return 0;
  GElf_Chdr compression;
  if ((header.sh_flags & SHF_COMPRESSED) != 0 && gelf_getchdr(section, &compression) != nullptr) {
    return compression.ch_size;
  }
  if (section_name(section).starts_with(".zdebug")) return old_inflated_size(section, header.sh_size);
  return header.sh_size;
}

// Before ELF had a flag for it, compressed sections began with "ZLIB" and their size in big-endian order.
size_t ElfImage::old_inflated_size(Elf_Scn* section, size_t size) const {
  const std::string_view packed = bytes(section);
  if (!packed.starts_with("ZLIB") || packed.size() < 12) return size;
  uint64_t big_endian;
  std::memcpy(&big_endian, packed.data() + 4, sizeof big_endian);
  return be64toh(big_endian);
}

void ElfImage::close_file() {
  if (descriptor_ < 0) return;
  elf_cntl(elf_, ELF_C_FDDONE);
  close(descriptor_);
  descriptor_ = -1;
}

}  // namespace holdwatch
