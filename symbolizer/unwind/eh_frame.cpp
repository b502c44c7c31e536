// Parses .eh_frame_hdr, FDE and CIE: according to the Linux Standard Base, "Exception Frames", and DWARF 4, section
// 6.4.
// Cold context only.
#include "symbolizer/unwind/eh_frame.h"

#include <array>
#include <string_view>
#include <vector>

#include "symbolizer/unwind/dwarf_bytes.h"
#include "symbolizer/unwind/frame_program.h"

namespace holdwatch {

namespace {

constexpr size_t kTableEntrySize = 8;    // two sdata4, relative to .eh_frame_hdr
constexpr size_t kMaxEntrySize = 16384;  // of one CIE or FDE; real ones have some hundred bytes
constexpr uint64_t kReturnAddressColumn = 16;

struct CommonInformation {
  uint8_t pointer_encoding = 0;
  bool sized_augmentation = false;
  bool defines_cfa = false;
};

// The bytes of the CIE or FDE at `address`, without its length field; empty if it is invalid.
std::vector<unsigned char> read_entry(const Module& module, MemoryReader& memory, uintptr_t address) {
  if (!module.contains(address) || module.end - address < 8) return {};
  const auto length = memory.read_constant_value<uint32_t>(address);
  // 0xffffffff would announce the 64-bit form, which no compiler emits for .eh_frame.
  if (!length || *length < 4 || *length > kMaxEntrySize || *length > module.end - address - 4) return {};
  std::vector<unsigned char> bytes(*length);
  if (memory.read_constant(address + 4, bytes.data(), bytes.size()) != bytes.size()) return {};
  return bytes;
}

bool take_augmentation(std::string_view augmentation, Bytes& data, CommonInformation& out) {
  for (const char letter : augmentation) {
    switch (letter) {
      case 'z':
        break;
      case 'S':
        break;
      case 'L':
        data.skip(1);
        break;
      case 'R':
        out.pointer_encoding = data.take<uint8_t>();
        break;
      case 'P': {
        const size_t size = encoded_size(data.take<uint8_t>());
        if (size == 0) return false;
        data.skip(size);
        break;
      }
      default:
        return false;
    }
  }
  return data.good();
}

std::optional<CommonInformation> read_common_information(const Module& module, MemoryReader& memory,
                                                         uintptr_t address) {
  const std::vector<unsigned char> entry = read_entry(module, memory, address);
  Bytes bytes(entry.data(), entry.size());
  const auto id = bytes.take<uint32_t>();
  const auto version = bytes.take<uint8_t>();
  if (id != 0 || (version != 1 && version != 3)) return std::nullopt;

  const std::string_view rest(reinterpret_cast<const char*>(bytes.position()), bytes.left());
  const std::string_view augmentation = rest.substr(0, rest.find('\0'));
  if (augmentation.size() > 7 || !bytes.skip(augmentation.size() + 1)) return std::nullopt;
  bytes.take_leb128();  // code alignment
  bytes.take_leb128();  // data alignment
  const uint64_t return_column = version == 1 ? bytes.take<uint8_t>() : bytes.take_leb128();
  if (!bytes.good() || return_column != kReturnAddressColumn) return std::nullopt;

  CommonInformation out;
  if (!augmentation.empty()) {
    if (augmentation.front() != 'z') return std::nullopt;
    out.sized_augmentation = true;
    Bytes data = bytes.take_block(bytes.take_leb128());
    if (!take_augmentation(augmentation, data, out)) return std::nullopt;
  }
  if (!bytes.good() || !check_frame_program(bytes, out.pointer_encoding, out.defines_cfa)) return std::nullopt;
  return out;
}

// The range that the FDE at `address` describes; nothing if it or its CIE is invalid.
std::optional<std::pair<uintptr_t, uintptr_t>> read_frame_description(const Module& module, MemoryReader& memory,
                                                                      uintptr_t address) {
  const std::vector<unsigned char> entry = read_entry(module, memory, address);
  Bytes bytes(entry.data(), entry.size());
  const auto cie_distance = bytes.take<uint32_t>();
  if (!bytes.good() || cie_distance == 0) return std::nullopt;  // 0: this is a CIE
  const auto common = read_common_information(module, memory, address + 4 - cie_distance);
  if (!common) return std::nullopt;

  const size_t size = encoded_size(common->pointer_encoding);
  const unsigned base = common->pointer_encoding & 0xf0u;
  if (size == 0 || (base != 0x00 && base != 0x10)) return std::nullopt;  // absolute or relative to the field
  const uintptr_t field = address + 8;
  const bool is_signed = (common->pointer_encoding & 0x08) != 0;
  uintptr_t start = size == 8   ? bytes.take<uint64_t>()
                    : is_signed ? static_cast<uintptr_t>(intptr_t{bytes.take<int32_t>()})
                                : uintptr_t{bytes.take<uint32_t>()};
  if (base == 0x10) start += field;
  const uintptr_t length = size == 8 ? bytes.take<uint64_t>() : bytes.take<uint32_t>();
  if (common->sized_augmentation) bytes.skip(bytes.take_leb128());
  bool defines_cfa = common->defines_cfa;
  if (!bytes.good() || !check_frame_program(bytes, common->pointer_encoding, defines_cfa) || !defines_cfa) {
    return std::nullopt;
  }
  if (!module.contains(start) || length == 0 || length > module.end - start) return std::nullopt;
  return std::pair{start, start + length};
}

struct SearchTable {
  uintptr_t address = 0;
  size_t count = 0;
};

// Version 1, then the encodings of: the pointer to .eh_frame, the count, the table. Only the table that every linker
// writes (sorted, sdata4 relative to the header) can be searched.
std::optional<SearchTable> read_search_table(const Module& module, MemoryReader& memory) {
  if (module.eh_frame_hdr == 0 || module.eh_frame_hdr_size < 12) return std::nullopt;
  const auto head = memory.read_constant_value<std::array<uint8_t, 4>>(module.eh_frame_hdr);
  if (!head || (*head)[0] != 1 || ((*head)[2] != 0x03 && (*head)[2] != 0x0b) || (*head)[3] != 0x3b) return std::nullopt;
  const size_t pointer_size = encoded_size((*head)[1]);
  const size_t table_offset = 4 + pointer_size + 4;
  if (pointer_size == 0 || table_offset > module.eh_frame_hdr_size) return std::nullopt;
  const auto count = memory.read_constant_value<uint32_t>(module.eh_frame_hdr + 4 + pointer_size);
  if (!count || *count > (module.eh_frame_hdr_size - table_offset) / kTableEntrySize) return std::nullopt;
  return SearchTable{module.eh_frame_hdr + table_offset, *count};
}

}  // namespace

std::optional<Procedure> find_procedure(const Module& module, MemoryReader& memory, uintptr_t pc) {
  const std::optional<SearchTable> table = read_search_table(module, memory);
  if (!table) return std::nullopt;
  size_t low = 0;
  size_t high = table->count;
  while (low < high) {
    const size_t middle = low + (high - low) / 2;
    const auto start = memory.read_constant_value<int32_t>(table->address + middle * kTableEntrySize);
    if (!start) return std::nullopt;
    if (module.eh_frame_hdr + static_cast<uintptr_t>(intptr_t{*start}) <= pc) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  if (low == 0) return std::nullopt;
  const uintptr_t entry = table->address + (low - 1) * kTableEntrySize;
  const auto description = memory.read_constant_value<int32_t>(entry + 4);
  if (!description) return std::nullopt;
  const auto range =
      read_frame_description(module, memory, module.eh_frame_hdr + static_cast<uintptr_t>(intptr_t{*description}));
  if (!range || pc < range->first || pc >= range->second) return std::nullopt;
  return Procedure{range->first, range->second, entry};
}

}  // namespace holdwatch
