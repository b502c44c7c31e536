// See unwind_entries.h.
#include "shim/common/elf/unwind_entries.h"

#include <string_view>

namespace holdwatch {
namespace {

constexpr uint64_t kReturnAddressColumn = 16;

bool take_augmentation(std::string_view augmentation, Bytes data, CommonEntry& out) {
  for (const char letter : augmentation) {
    switch (letter) {
      case 'z':
        break;
      case 'S':
        break;
      case 'L':
        out.exception_table_encoding = data.take<uint8_t>();
        break;
      case 'R':
        out.pointer_encoding = data.take<uint8_t>();
        break;
      case 'P': {
        out.personality_encoding = data.take<uint8_t>();
        out.personality = data;
        const size_t size = encoded_size(out.personality_encoding);
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

}  // namespace

std::optional<CommonEntry> parse_common_entry(Bytes entry) {
  CommonEntry out;
  const auto id = entry.take<uint32_t>();
  const auto version = entry.take<uint8_t>();
  if (id != 0 || (version != 1 && version != 3)) return std::nullopt;
  const std::string_view rest(reinterpret_cast<const char*>(entry.position()), entry.left());
  const std::string_view augmentation = rest.substr(0, rest.find('\0'));
  if (augmentation.size() > 7 || !entry.skip(augmentation.size() + 1)) return std::nullopt;
  out.code_alignment = entry.take_leb128();
  out.data_alignment = entry.take_signed_leb128();
  const uint64_t return_column = version == 1 ? entry.take<uint8_t>() : entry.take_leb128();
  if (!entry.good() || return_column != kReturnAddressColumn) return std::nullopt;
  if (!augmentation.empty()) {
    if (augmentation.front() != 'z') return std::nullopt;
    out.sized_augmentation = true;
    const Bytes data = entry.take_block(entry.take_leb128());
    if (!take_augmentation(augmentation, data, out)) return std::nullopt;
  }
  if (!entry.good()) return std::nullopt;
  out.instructions = entry;
  return out;
}

uintptr_t common_entry_of(Bytes entry, uintptr_t address) {
  const auto distance = entry.take<uint32_t>();
  return !entry.good() || distance == 0 ? 0 : address + sizeof distance - distance;  // 0: it is a CIE itself
}

std::optional<FrameEntry> parse_frame_entry(Bytes entry, uintptr_t address, const CommonEntry& common) {
  const auto* const begin = entry.position();
  const auto here = [&] { return address + sizeof(uint32_t) + static_cast<uintptr_t>(entry.position() - begin); };
  FrameEntry out;
  entry.take<uint32_t>();  // the distance of the CIE
  const std::optional<uintptr_t> start = entry.take_pointer(common.pointer_encoding, here());
  if (!start) return std::nullopt;
  out.start = *start;
  const bool is_long = encoded_size(common.pointer_encoding) == 8;
  out.size = is_long ? entry.take<uint64_t>() : entry.take<uint32_t>();
  if (common.sized_augmentation) {
    const uint64_t size = entry.take_leb128();
    const uintptr_t field = here();
    out.exception_table = entry.take_block(size).take_pointer(common.exception_table_encoding, field).value_or(0);
  }
  if (!entry.good()) return std::nullopt;
  out.instructions = entry;
  return out;
}

}  // namespace holdwatch
