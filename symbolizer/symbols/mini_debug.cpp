// Unpacks .gnu_debugdata: an LZMA-compressed ELF file with the function symbols that stripping removed ("MiniDebugInfo"
// in gdb's manual; used by Fedora's packages).
// Cold context only.
#include <lzma.h>

#include <algorithm>
#include <utility>

#include "symbolizer/symbols/debug_file.h"

namespace holdwatch {
namespace {

constexpr size_t kMaxUnpacked = size_t{64} << 20;
constexpr uint64_t kMaxDecoderMemory = uint64_t{64} << 20;

}  // namespace

std::unique_ptr<ElfImage> unpack_mini_debug(const ElfImage& main) {
  Elf_Scn* section = main.section(".gnu_debugdata");
  if (section == nullptr) return nullptr;
  const std::string_view packed = main.bytes(section);

  lzma_stream stream = LZMA_STREAM_INIT;
  if (lzma_stream_decoder(&stream, kMaxDecoderMemory, 0) != LZMA_OK) return nullptr;
  stream.next_in = reinterpret_cast<const uint8_t*>(packed.data());
  stream.avail_in = packed.size();
  std::vector<char> unpacked;
  lzma_ret result = LZMA_OK;
  while (result == LZMA_OK && unpacked.size() < kMaxUnpacked) {
    const size_t done = unpacked.size();
    unpacked.resize(std::min(std::max(done * 2, packed.size() * 4 + 4096), kMaxUnpacked));
    stream.next_out = reinterpret_cast<uint8_t*>(unpacked.data()) + done;
    stream.avail_out = unpacked.size() - done;
    result = lzma_code(&stream, LZMA_FINISH);
    unpacked.resize(unpacked.size() - stream.avail_out);
  }
  lzma_end(&stream);
  return result == LZMA_STREAM_END ? ElfImage::from_bytes(std::move(unpacked)) : nullptr;
}

}  // namespace holdwatch
