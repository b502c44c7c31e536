// See eh_frame.h.
// Cold context only.
#include "symbolizer/unwind/eh_frame.h"

#include <vector>

#include "shim/common/elf/unwind_entries.h"
#include "symbolizer/unwind/frame_program.h"

namespace holdwatch {

namespace {

constexpr size_t kMaxEntrySize = 16384;  // of one CIE or FDE; real ones have some hundred bytes

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

// What the FDE at `address` describes; nothing if it or its CIE is invalid.
std::optional<FrameEntry> read_frame_description(const Module& module, MemoryReader& memory, uintptr_t address) {
  const std::vector<unsigned char> bytes = read_entry(module, memory, address);
  const Bytes entry(bytes.data(), bytes.size());
  const std::vector<unsigned char> common_bytes = read_entry(module, memory, common_entry_of(entry, address));
  const auto common = parse_common_entry({common_bytes.data(), common_bytes.size()});
  bool defines_cfa = false;
  if (!common || !check_frame_program(common->instructions, common->pointer_encoding, defines_cfa)) return std::nullopt;
  auto frame = parse_frame_entry(entry, address, *common);
  if (!frame || !check_frame_program(frame->instructions, common->pointer_encoding, defines_cfa) || !defines_cfa)
    return std::nullopt;
  if (!module.contains(frame->start) || frame->size == 0 || frame->size > module.end - frame->start)
    return std::nullopt;
  if (!module.contains(frame->exception_table)) frame->exception_table = 0;
  return frame;
}

std::optional<SearchedEntry> search(const Module& module, MemoryReader& memory, uintptr_t pc) {
  return search_unwind_table(ConstantMemory{memory}, UnwindHeader{module.eh_frame_hdr, module.eh_frame_hdr_size}, pc);
}

}  // namespace

std::optional<Procedure> find_procedure(const Module& module, MemoryReader& memory, uintptr_t pc) {
  const auto found = search(module, memory, pc);
  const auto frame = found ? read_frame_description(module, memory, found->frame_entry) : std::nullopt;
  if (!frame || pc < frame->start || pc - frame->start >= frame->size) return std::nullopt;
  return Procedure{frame->start, frame->start + frame->size, found->table_entry, frame->exception_table};
}

uintptr_t find_personality(const Module& module, MemoryReader& memory, uintptr_t pc) {
  constexpr unsigned kIndirect = 0x80;  // DW_EH_PE_indirect
  const auto found = search(module, memory, pc);
  if (!found) return 0;
  const std::vector<unsigned char> bytes = read_entry(module, memory, found->frame_entry);
  const uintptr_t common_address = common_entry_of({bytes.data(), bytes.size()}, found->frame_entry);
  const std::vector<unsigned char> common_bytes = read_entry(module, memory, common_address);
  const auto common = parse_common_entry({common_bytes.data(), common_bytes.size()});
  if (!common || common->personality_encoding == kOmittedPointer) return 0;
  Bytes encoded = common->personality;
  const uintptr_t field =
      common_address + sizeof(uint32_t) + static_cast<uintptr_t>(encoded.position() - common_bytes.data());
  const auto pointer = encoded.take_pointer(common->personality_encoding & (kIndirect - 1), field);
  const bool is_indirect = (common->personality_encoding & kIndirect) != 0;
  // Through a pointer that the loader fills in.
  return (pointer && is_indirect ? memory.read_value<uintptr_t>(*pointer) : pointer).value_or(0);
}

}  // namespace holdwatch
