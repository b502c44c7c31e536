// Finds a module's own file and its separate debug data, and proves that they belong together. See debug_file.h.
// Cold context only.
#include "symbolizer/symbols/debug_file.h"

#include <elfutils/libdwelf.h>
#include <sys/auxv.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <vector>

namespace holdwatch {
namespace {

// The vdso is in no file. Its pages are mapped as long as the process lives, so our own can be copied.
std::unique_ptr<ElfImage> copy_vdso(const Module& module) {
  const uintptr_t own = getauxval(AT_SYSINFO_EHDR);
  if (own == 0 || own != module.start || module.end <= module.start) return nullptr;
  std::vector<char> bytes(module.end - module.start);
  std::memcpy(bytes.data(), reinterpret_cast<const void*>(own), bytes.size());
  return ElfImage::from_bytes(std::move(bytes));
}

// A path may lead to another file by now: an upgrade replaces a file by renaming a new one over it.
bool is_mapped_file(const ElfImage& image, const Module& module) {
  if (!module.build_id.empty()) return image.build_id() == module.build_id;
  return module.inode != 0 && image.inode() == module.inode && image.device() == module.device;
}

// /proc/PID/map_files has one link per mapping, named by its bounds; reading through it takes CAP_CHECKPOINT_RESTORE
// (proc(5)), so this is for programs that run as root.
std::string map_files_path(const Module& module, const DebugSearch& search) {
  if (module.executable.empty() || search.proc.empty()) return {};
  std::array<char, 40> name{};
  auto [start, end] = module.executable.front();
  char* at = std::to_chars(name.data(), name.data() + name.size(), start, 16).ptr;
  *at++ = '-';
  at = std::to_chars(at, name.data() + name.size(), end, 16).ptr;
  return search.proc + "/map_files/" + std::string(name.data(), at);
}

// The checksum of a file takes some seconds a GiB, and debug data of that size is not read anyway.
constexpr off_t kMaxChecked = off_t{1} << 30;

bool crc_matches(const ElfImage& image, uint32_t expected) {
  if (image.size() > kMaxChecked) return false;
  std::vector<char> block(size_t{256} << 10);
  uint32_t crc = 0;
  off_t offset = 0;
  for (;;) {
    ssize_t got = pread(image.descriptor(), block.data(), block.size(), offset);
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

// What is found by build id is the right file wherever it is.
std::unique_ptr<ElfImage> find_by_build_id(const std::string& build_id, const DebugSearch& search) {
  const std::string path = build_id_path(build_id, search);
  if (path.empty()) return nullptr;
  auto image = ElfImage::open(path);
  if (image == nullptr && !search.root.empty()) image = ElfImage::open(search.root + path);
  return image != nullptr && image->build_id() == build_id ? std::move(image) : nullptr;
}

std::unique_ptr<ElfImage> find_by_debuglink(const ElfImage& main, const DebugSearch& search) {
  GElf_Word crc = 0;
  const char* link = main.path().empty() ? nullptr : dwelf_elf_gnu_debuglink(main.elf(), &crc);
  if (link == nullptr) return nullptr;
  const std::string name = std::filesystem::path(link).filename();
  const std::string directory = std::filesystem::path(main.path()).parent_path();
  // The places and their order are gdb's ("Debugging Information in Separate Files" in its manual).
  for (const std::string& path :
       {directory + "/" + name, directory + "/.debug/" + name, search.debug_root + directory + "/" + name}) {
    auto image = ElfImage::open(path);
    if (image == nullptr || (image->inode() == main.inode() && image->device() == main.device())) continue;
    const bool both_have_ids = !main.build_id().empty() && !image->build_id().empty();
    if (both_have_ids ? image->build_id() == main.build_id() : crc_matches(*image, crc)) return image;
  }
  return nullptr;
}

}  // namespace

std::unique_ptr<ElfImage> open_module_file(const Module& module, const DebugSearch& search) {
  if (module.path == "[vdso]") return copy_vdso(module);
  if (module.path.empty() || module.path[0] != '/') return nullptr;
  for (const std::string& path : {module.path, search.root.empty() ? "" : search.root + module.path,
                                  search.proc.empty() ? "" : search.proc + "/exe", map_files_path(module, search)}) {
    auto image = path.empty() ? nullptr : ElfImage::open(path);
    if (image != nullptr && is_mapped_file(*image, module)) return image;
  }
  return nullptr;
}

std::unique_ptr<ElfImage> find_debug_file(const ElfImage& main, const DebugSearch& search) {
  if (auto image = find_by_build_id(main.build_id(), search)) return image;
  return find_by_debuglink(main, search);
}

std::unique_ptr<ElfImage> find_alternate_file(const ElfImage& debug, const DebugSearch& search) {
  Elf_Scn* section = debug.section(".gnu_debugaltlink");
  if (section == nullptr) return nullptr;
  // The section holds a file name, a zero byte and the build id of that file.
  const std::string_view link = debug.bytes(section);
  const size_t name_end = link.find('\0');
  if (name_end == std::string_view::npos) return nullptr;
  const std::string build_id = to_hex(link.substr(name_end + 1));
  const std::filesystem::path name(link.substr(0, name_end));
  // A relative name counts from the directory of the real debug file, not of a link to it.
  std::error_code error;
  const auto directory = std::filesystem::canonical(debug.path(), error).parent_path();
  for (const std::string& path : {build_id_path(build_id, search), (directory / name).string()}) {
    auto image = path.empty() ? nullptr : ElfImage::open(path);
    if (image != nullptr && !build_id.empty() && image->build_id() == build_id) return image;
  }
  return nullptr;
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
