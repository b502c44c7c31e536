// See debug_search.h.
#include "symbolizer/symbols/debug_search.h"

#include <unistd.h>

#include <array>
#include <cstring>
#include <filesystem>

namespace holdwatch {
namespace {

// The checksum of a file takes some seconds per GiB, and debug data of that size is not read anyway.
constexpr off_t kMaxChecked = off_t{1} << 30;

}  // namespace

// The name, a zero byte, padding to a multiple of four bytes, and the checksum.
std::optional<DebugLink> read_debug_link(std::string_view section) {
  const size_t name_end = section.find('\0');
  if (name_end == std::string_view::npos) return std::nullopt;
  const size_t at = (name_end + 4) / 4 * 4;
  DebugLink link{std::string(section.substr(0, name_end)), 0};
  if (section.size() < at + sizeof link.crc) return std::nullopt;
  std::memcpy(&link.crc, section.data() + at, sizeof link.crc);
  return link;
}

bool crc_matches(int descriptor, off_t size, uint32_t expected) {
  if (size > kMaxChecked) return false;
  std::vector<char> block(size_t{256} << 10);
  uint32_t crc = 0;
  off_t offset = 0;
  for (;;) {
    const ssize_t got = pread(descriptor, block.data(), block.size(), offset);
    if (got < 0) return false;
    if (got == 0) return crc == expected;
    crc = debuglink_crc(crc, {block.data(), static_cast<size_t>(got)});
    offset += got;
  }
}

std::string build_id_path(const std::string& build_id, const DebugSearch& search) {
  if (build_id.size() < 6) return {};
  return search.debug_root + "/.build-id/" + build_id.substr(0, 2) + "/" + build_id.substr(2) + ".debug";
}

std::vector<std::string> debug_link_paths(const std::string& program, const std::string& name,
                                          const DebugSearch& search) {
  const std::string file = std::filesystem::path(name).filename();
  const std::string directory = std::filesystem::path(program).parent_path();
  return {directory + "/" + file, directory + "/.debug/" + file, search.debug_root + directory + "/" + file};
}

uint32_t debuglink_crc(uint32_t crc, std::string_view bytes) {
  static constexpr auto kTable = [] {
    std::array<uint32_t, 256> table{};
    for (uint32_t i = 0; i < 256; ++i) {
      uint32_t value = i;
      for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1) != 0 ? 0xedb88320u : 0u);
      table[i] = value;
    }
    return table;
  }();
  crc = ~crc;
  for (char c : bytes) crc = kTable[(crc ^ static_cast<unsigned char>(c)) & 0xff] ^ (crc >> 8);
  return ~crc;
}

}  // namespace holdwatch
