// The entries of .eh_frame, and the search table of .eh_frame_hdr that leads to them: the Linux Standard Base, "Exception
// Frames", and DWARF 4, section 6.4.
// Any context; pure. The bytes are not trusted. Sources as described in headers.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "shim/common/elf/dwarf_bytes.h"

namespace holdwatch {

// What functions have in common (CIE).
struct CommonEntry {
  uint64_t code_alignment = 0;
  int64_t data_alignment = 0;
  uint8_t pointer_encoding = 0;
  uint8_t exception_table_encoding = kOmittedPointer;
  uint8_t personality_encoding = kOmittedPointer;
  bool sized_augmentation = false;
  Bytes personality{nullptr, 0};  // begins with the pointer to the routine that the exception tables are for
  Bytes instructions{nullptr, 0};
};

// What describes one function (FDE).
struct FrameEntry {
  uintptr_t start = 0;
  uintptr_t size = 0;
  uintptr_t exception_table = 0;  // the address of its language-specific data, 0 if it has none
  Bytes instructions{nullptr, 0};
};

// `entry`: the bytes of an entry after its length field, which is at `address`. Nothing if it is invalid, or of a kind that
// compilers do not emit for x86-64.
std::optional<CommonEntry> parse_common_entry(Bytes entry);

// The address of an FDE's CIE; 0 if the entry is no FDE.
uintptr_t common_entry_of(Bytes entry, uintptr_t address);
std::optional<FrameEntry> parse_frame_entry(Bytes entry, uintptr_t address, const CommonEntry& common);

struct UnwindHeader {
  uintptr_t address = 0;  // of .eh_frame_hdr in memory
  size_t size = 0;
};

// One of the table's entries, and the FDE that it leads to: that of the last function which begins at `pc` or before.
struct SearchedEntry {
  uintptr_t table_entry;
  uintptr_t frame_entry;
};

namespace unwind_details {

inline constexpr size_t kTableEntrySize = 8;  // two sdata4, relative to .eh_frame_hdr

struct SearchTable {
  uintptr_t address;
  size_t count;
};

template <typename T, typename Source>
bool read_value(Source&& source, uintptr_t address, T* out) {
  return source.read(address, out, sizeof *out) == sizeof *out;
}

// Version 1, then the encodings of: the pointer to .eh_frame, the count, the table. Only the table that every linker
// writes (sorted, sdata4 relative to the header) can be searched.
template <typename Source>
std::optional<SearchTable> read_search_table(Source&& source, UnwindHeader header) {
  struct {
    uint8_t version, pointer, count, table;
  } head;
  uint32_t count = 0;
  if (header.address == 0 || header.size < 12 || !read_value(source, header.address, &head)) return std::nullopt;
  if (head.version != 1 || (head.count != 0x03 && head.count != 0x0b) || head.table != 0x3b) return std::nullopt;
  const size_t pointer_size = encoded_size(head.pointer);
  const size_t table_offset = sizeof head + pointer_size + sizeof count;
  if (pointer_size == 0 || table_offset > header.size) return std::nullopt;
  if (!read_value(source, header.address + sizeof head + pointer_size, &count)) return std::nullopt;
  if (count > (header.size - table_offset) / kTableEntrySize) return std::nullopt;
  return SearchTable{header.address + table_offset, count};
}

}  // namespace unwind_details

template <typename Source>
std::optional<SearchedEntry> search_unwind_table(Source&& source, UnwindHeader header, uintptr_t pc) {
  using namespace unwind_details;
  const std::optional<SearchTable> table = read_search_table(source, header);
  const auto target = [&](int32_t distance) { return header.address + static_cast<uintptr_t>(intptr_t{distance}); };
  size_t low = 0;
  size_t high = table ? table->count : 0;
  while (low < high) {
    const size_t middle = low + (high - low) / 2;
    int32_t start = 0;
    if (!read_value(source, table->address + middle * kTableEntrySize, &start)) return std::nullopt;
    if (target(start) <= pc)
      low = middle + 1;
    else
      high = middle;
  }
  if (low == 0) return std::nullopt;
  const uintptr_t entry = table->address + (low - 1) * kTableEntrySize;
  int32_t description = 0;
  if (!read_value(source, entry + sizeof description, &description)) return std::nullopt;
  return SearchedEntry{entry, target(description)};
}

}  // namespace holdwatch
