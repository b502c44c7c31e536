// Finds a module's own file and its separate debug data, and proves that they belong together. See debug_file.h.
// Cold context only.
#include "symbolizer/symbols/debug_file.h"

#include <sys/auxv.h>

#include <array>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <vector>

#include "symbolizer/unwind/elf_notes.h"

namespace holdwatch {
namespace {

// The vdso is not in a file. Its pages stay mapped for the lifetime of the process, so our own can be copied.
std::unique_ptr<ElfImage> copy_vdso(const Module& module) {
  const uintptr_t own = getauxval(AT_SYSINFO_EHDR);
  if (own == 0 || own != module.start || module.end <= module.start) return nullptr;
  std::vector<char> bytes(module.end - module.start);
  std::memcpy(bytes.data(), reinterpret_cast<const void*>(own), bytes.size());
  return ElfImage::from_bytes(std::move(bytes));
}

// The path may lead to another file by now: an upgrade replaces a file by renaming a new one over it.
bool is_mapped_file(const ElfImage& image, const Module& module) {
  if (!module.build_id.empty()) return image.build_id() == module.build_id;
  return module.inode != 0 && image.inode() == module.inode && image.device() == module.device;
}

// /proc/PID/map_files has one link per mapping, named by its bounds; reading through it requires CAP_CHECKPOINT_RESTORE
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

std::unique_ptr<ElfImage> find_alternate_file(const ElfImage& debug, const DebugSearch& search) {
  Elf_Scn* section = debug.section(".gnu_debugaltlink");
  if (section == nullptr) return nullptr;
  // The section contains a file name, a zero byte and the build id of that file.
  const std::string_view link = debug.bytes(section);
  const size_t name_end = link.find('\0');
  if (name_end == std::string_view::npos) return nullptr;
  const std::string build_id = to_hex(link.substr(name_end + 1));
  const std::filesystem::path name(link.substr(0, name_end));
  // A relative name is relative to the directory of the real debug file, not of a link to it.
  std::error_code error;
  const auto directory = std::filesystem::canonical(debug.path(), error).parent_path();
  for (const std::string& path : {build_id_path(build_id, search), (directory / name).string()}) {
    auto image = path.empty() ? nullptr : ElfImage::open(path);
    if (image != nullptr && !build_id.empty() && image->build_id() == build_id) return image;
  }
  return nullptr;
}

}  // namespace holdwatch
