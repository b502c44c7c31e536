// Where a program's separate debug file may be, and whether a file found there belongs to it.
// Cold context only. Uses no library, because doctor needs it too, on any machine.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace holdwatch {

// Where files are looked for, how much of them may be in memory at once, and how long one report may wait for them.
struct DebugSearch {
  std::string debug_root = "/usr/lib/debug";  // where distributions put separate debug files
  std::string proc = "/proc/self";  // the watched process: gives access to its files even when their names are gone
  std::string root;                 // for a process in a container: where its files are, "/proc/123/root"
  size_t memory_limit = size_t{512} << 20;  // debug data beyond it is not read: such a module has symbols, but no lines
  std::chrono::milliseconds timeout{5000};  // after that, the report's remaining frames have no lines
  // After how long debug data that took longer is read again: at first; later after twice as long, and so on up to an hour.
  std::chrono::milliseconds retry{60'000};
};

// The contents of .gnu_debuglink: a file's name, and the checksum of its contents.
struct DebugLink {
  std::string name;
  uint32_t crc = 0;
};
std::optional<DebugLink> read_debug_link(std::string_view section);

// The checksum in .gnu_debuglink: CRC-32 as in zlib. `crc` continues an earlier call's result.
uint32_t debuglink_crc(uint32_t crc, std::string_view bytes);
// False for a file that is too large to read for this purpose.
bool crc_matches(int descriptor, off_t size, uint32_t expected);

// Empty for an id that is too short to be one.
std::string build_id_path(const std::string& build_id, const DebugSearch& search);
// The places and their order are gdb's ("Debugging Information in Separate Files" in its manual).
std::vector<std::string> debug_link_paths(const std::string& program, const std::string& name,
                                          const DebugSearch& search);

// A file that is found by build id is the right one wherever it is.
template <typename Image>
std::unique_ptr<Image> find_by_build_id(const std::string& build_id, const DebugSearch& search) {
  const std::string path = build_id_path(build_id, search);
  if (path.empty()) return nullptr;
  auto image = Image::open(path);
  if (image == nullptr && !search.root.empty()) image = Image::open(search.root + path);
  return image != nullptr && image->build_id() == build_id ? std::move(image) : nullptr;
}

template <typename Image>
std::unique_ptr<Image> find_by_debug_link(const Image& main, const DebugSearch& search) {
  const auto link = main.path().empty() ? std::nullopt : read_debug_link(main.contents(".gnu_debuglink"));
  if (!link) return nullptr;
  for (const std::string& path : debug_link_paths(main.path(), link->name, search)) {
    auto image = Image::open(path);
    if (image == nullptr || (image->inode() == main.inode() && image->device() == main.device())) continue;
    const bool both_have_ids = !main.build_id().empty() && !image->build_id().empty();
    if (both_have_ids ? image->build_id() == main.build_id()
                      : crc_matches(image->descriptor(), image->size(), link->crc))
      return image;
  }
  return nullptr;
}

// The separate debug file of `main`: by build id, otherwise by its .gnu_debuglink. An Image is a file opened by either
// of our two readers of ELF files.
template <typename Image>
std::unique_ptr<Image> find_debug_file(const Image& main, const DebugSearch& search) {
  if (auto image = find_by_build_id<Image>(main.build_id(), search)) return image;
  return find_by_debug_link(main, search);
}

}  // namespace holdwatch
