// See exception_table.h.
#include "symbolizer/guards/exception_table.h"

#include <vector>

#include "shim/common/elf/dwarf_bytes.h"

namespace holdwatch {
namespace {

constexpr size_t kHeaderSize = 64;      // more than a header with the longest encodings
constexpr size_t kMaxTable = 1u << 20;  // of call sites; the largest functions have some ten thousand
constexpr uint8_t kLeb128 = 0x01;       // DW_EH_PE_uleb128

uint64_t take_offset(Bytes& bytes, uint8_t encoding) {
  if (encoding == kLeb128) return bytes.take_leb128();
  return bytes.take_pointer(encoding & 0x0fu, 0).value_or(0);
}

std::vector<unsigned char> read_up_to(uintptr_t address, size_t size, MemoryReader& memory) {
  std::vector<unsigned char> bytes(size);
  bytes.resize(memory.read_constant(address, bytes.data(), size));
  return bytes;
}

struct CallSiteTable {
  uint64_t pads_begin = 0;  // what landing pads are relative to
  uint8_t encoding = kOmittedPointer;
  std::vector<unsigned char> bytes;
};

std::optional<CallSiteTable> read_table(const Procedure& procedure, MemoryReader& memory) {
  const uintptr_t address = procedure.exception_table;
  const std::vector<unsigned char> header = read_up_to(address, kHeaderSize, memory);
  Bytes bytes(header.data(), header.size());
  const auto here = [&] { return address + static_cast<uintptr_t>(bytes.position() - header.data()); };
  CallSiteTable table;
  table.pads_begin = procedure.start;
  if (const auto encoding = bytes.take<uint8_t>(); encoding != kOmittedPointer) {
    const auto begin = bytes.take_pointer(encoding, here());
    if (!begin) return std::nullopt;
    table.pads_begin = *begin;
  }
  if (const auto types = bytes.take<uint8_t>(); types != kOmittedPointer) bytes.take_leb128();
  table.encoding = bytes.take<uint8_t>();
  const uint64_t size = bytes.take_leb128();
  const bool is_readable = table.encoding == kLeb128 || encoded_size(table.encoding) != 0;
  if (!bytes.good() || !is_readable || size > kMaxTable) return std::nullopt;
  table.bytes = read_up_to(here(), size, memory);
  return table;
}

}  // namespace

std::optional<uintptr_t> find_landing_pad(const Procedure& procedure, uintptr_t pc, MemoryReader& memory) {
  if (procedure.exception_table == 0) return std::nullopt;
  const std::optional<CallSiteTable> table = read_table(procedure, memory);
  if (!table) return std::nullopt;
  const uint64_t wanted = pc - procedure.start;
  Bytes bytes(table->bytes.data(), table->bytes.size());
  while (bytes.more()) {
    const uint64_t start = take_offset(bytes, table->encoding);
    const uint64_t length = take_offset(bytes, table->encoding);
    const uint64_t pad = take_offset(bytes, table->encoding);
    bytes.take_leb128();  // what the pad handles: it begins with the same cleanup either way
    if (!bytes.good()) return std::nullopt;
    if (wanted < start || wanted - start >= length) continue;
    return pad == 0 ? std::nullopt : std::optional(table->pads_begin + pad);
  }
  return std::nullopt;
}

}  // namespace holdwatch
