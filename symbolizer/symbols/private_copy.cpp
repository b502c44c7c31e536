// See private_copy.h. The copy has all of the file's section headers in the same order, so that references by section
// number stay valid; unwanted sections have no contents.
#include "symbolizer/symbols/private_copy.h"

#include <elf.h>
#include <gelf.h>
#include <unistd.h>
#include <zlib.h>

#include <cstring>
#include <optional>
#include <utility>
#include <vector>

#include "shim/common/elf/open_file.h"
#include "symbolizer/symbols/debug_sections.h"

namespace holdwatch {
namespace {

constexpr size_t kAlignment = 16;
constexpr size_t kMaxSection = size_t{512} << 20;
constexpr size_t kMaxMemory = kMaxSection;  // of one file

size_t aligned(size_t size) {
  return (size + kAlignment - 1) & ~(kAlignment - 1);
}

struct Section {
  Elf64_Shdr header;  // as in the copy
  off_t from;         // in the file
  size_t size;        // in the file
  bool wanted;
  bool inflate;
};

struct Layout {
  std::vector<Section> sections;
  size_t headers_at = 0;
  size_t size = 0;
};

bool is_wanted(std::string_view name, const GElf_Shdr& header, DebugData debug_data) {
  if (header.sh_type == SHT_NOBITS || header.sh_type == SHT_NULL || header.sh_size == 0) return false;
  if (name.starts_with(".debug_") || name.starts_with(".zdebug_")) return is_needed(name, debug_data);
  const bool loaded_bytes = header.sh_type == SHT_PROGBITS && (header.sh_flags & SHF_ALLOC) != 0;
  return !loaded_bytes || name.starts_with(".plt");
}

bool lies_in_file(const GElf_Shdr& header, const ElfImage& image) {
  const auto size = static_cast<uint64_t>(image.size());
  return header.sh_size <= kMaxSection && header.sh_offset <= size && header.sh_size <= size - header.sh_offset;
}

// Where a section is placed in the copy. Nothing if the file is malformed.
std::optional<Section> place(const ElfImage& image, Elf_Scn* from, DebugData debug_data, Layout& layout) {
  GElf_Shdr header;
  if (gelf_getshdr(from, &header) == nullptr) return std::nullopt;
  Section section{};
  std::memcpy(&section.header, &header, sizeof section.header);
  static_assert(sizeof header == sizeof section.header);
  section.wanted = is_wanted(image.section_name(from), header, debug_data);
  if (!section.wanted) {
    if (header.sh_type != SHT_NULL) section.header.sh_type = SHT_NOBITS;
    return section;
  }
  if (!lies_in_file(header, image)) return std::nullopt;
  section.from = static_cast<off_t>(header.sh_offset);
  section.size = header.sh_size;
  GElf_Chdr compression;
  if ((header.sh_flags & SHF_COMPRESSED) != 0 && gelf_getchdr(from, &compression) != nullptr &&
      compression.ch_type == ELFCOMPRESS_ZLIB) {
    if (compression.ch_size > kMaxSection || section.size < sizeof(Elf64_Chdr)) return std::nullopt;
    section.inflate = true;
    section.header.sh_flags &= ~uint64_t{SHF_COMPRESSED};
    section.header.sh_size = compression.ch_size;
    section.header.sh_addralign = compression.ch_addralign;
  }
  section.header.sh_offset = layout.size;
  layout.size += aligned(section.header.sh_size);
  return section;
}

std::optional<Layout> lay_out(const ElfImage& image, DebugData debug_data) {
  Layout layout;
  layout.size = aligned(sizeof(Elf64_Ehdr));
  size_t count = 0;
  if (elf_getshdrnum(image.elf(), &count) != 0 || count == 0 || count >= SHN_LORESERVE) return std::nullopt;
  for (size_t i = 0; i < count; ++i) {
    Elf_Scn* from = elf_getscn(image.elf(), i);
    std::optional<Section> section = from == nullptr ? std::nullopt : place(image, from, debug_data, layout);
    if (!section) return std::nullopt;
    layout.sections.push_back(*section);
  }
  layout.headers_at = layout.size;
  layout.size += count * sizeof(Elf64_Shdr);
  // Many sections may claim the same compressed bytes.
  return layout.size <= kMaxMemory ? std::optional(std::move(layout)) : std::nullopt;
}

bool read_at(int descriptor, unsigned char* out, size_t size, off_t offset) {
  return DescriptorSource{descriptor}.read(static_cast<uint64_t>(offset), out, size) == size;
}

bool inflate_at(int descriptor, const Section& section, unsigned char* out) {
  std::vector<unsigned char> packed(size_t{64} << 10);
  z_stream stream{};
  if (inflateInit(&stream) != Z_OK) return false;
  stream.next_out = out;
  stream.avail_out = static_cast<uInt>(section.header.sh_size);
  off_t at = section.from + static_cast<off_t>(sizeof(Elf64_Chdr));
  size_t left = section.size - sizeof(Elf64_Chdr);
  int result = Z_OK;
  while (result == Z_OK && left > 0) {
    const size_t part = left < packed.size() ? left : packed.size();
    if (!read_at(descriptor, packed.data(), part, at)) break;
    stream.next_in = packed.data();
    stream.avail_in = static_cast<uInt>(part);
    result = inflate(&stream, Z_NO_FLUSH);
    at += static_cast<off_t>(part);
    left -= part;
  }
  inflateEnd(&stream);
  return result == Z_STREAM_END && stream.avail_out == 0;
}

bool fill(const ElfImage& image, const Layout& layout, unsigned char* memory) {
  Elf64_Ehdr header;
  if (!read_at(image.descriptor(), reinterpret_cast<unsigned char*>(&header), sizeof header, 0)) return false;
  header.e_shoff = layout.headers_at;
  header.e_phoff = header.e_phnum = 0;
  std::memcpy(memory, &header, sizeof header);
  unsigned char* headers = memory + layout.headers_at;
  for (const Section& section : layout.sections) {
    std::memcpy(headers, &section.header, sizeof section.header);
    headers += sizeof section.header;
    if (!section.wanted) continue;
    unsigned char* contents = memory + section.header.sh_offset;
    const bool filled = section.inflate ? inflate_at(image.descriptor(), section, contents)
                                        : read_at(image.descriptor(), contents, section.size, section.from);
    if (!filled) return false;
  }
  return true;
}

}  // namespace

std::unique_ptr<ElfImage> into_private_memory(std::unique_ptr<ElfImage> image, DebugData debug_data) {
  // libdw looks for split debug data in the directory of the open file.
  const bool may_be_split = image->section(".debug_addr") != nullptr;
  if (image->descriptor() < 0 || may_be_split || gelf_getclass(image->elf()) != ELFCLASS64) return image;
  const std::optional<Layout> layout = lay_out(*image, debug_data);
  if (!layout) return image;
  Pages pages(layout->size);
  if (pages.data() == nullptr || !fill(*image, *layout, static_cast<unsigned char*>(pages.data()))) return image;
  std::unique_ptr<ElfImage> copy = ElfImage::from_pages(std::move(pages), *image);
  return copy != nullptr ? std::move(copy) : std::move(image);
}

}  // namespace holdwatch
