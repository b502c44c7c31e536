// Reads one line of a source file. See source_lines.h.
// Cold context only.
#include "symbolizer/symbols/source_lines.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <tuple>

namespace holdwatch {
namespace {

constexpr off_t kMaxSourceFile = off_t{16} << 20;

class SourceFile {
 public:
  // O_NONBLOCK: opening a fifo must not wait for its writer.
  explicit SourceFile(const std::string& path)
      : descriptor_(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)) {}
  SourceFile(const SourceFile&) = delete;
  SourceFile& operator=(const SourceFile&) = delete;
  ~SourceFile() {
    if (descriptor_ >= 0) close(descriptor_);
  }

  bool can_be_trusted(const timespec& module_modified) const {
    struct stat status;
    if (descriptor_ < 0 || fstat(descriptor_, &status) != 0) return false;
    const timespec& changed = status.st_mtim;
    return S_ISREG(status.st_mode) && status.st_size <= kMaxSourceFile &&
           std::tie(changed.tv_sec, changed.tv_nsec) <= std::tie(module_modified.tv_sec, module_modified.tv_nsec);
  }

  // The line, or as much of it as is useful; empty if the file has fewer lines.
  std::string line(int wanted) const {
    constexpr size_t kEnough = 4 * kMaxSourceText;  // room for deep indentation
    std::array<char, 16384> block;
    std::string text;
    int current = 1;
    for (off_t done = 0; done < kMaxSourceFile;) {
      const ssize_t got = read(descriptor_, block.data(), block.size());
      if (got <= 0) return text;
      done += got;
      for (std::string_view rest(block.data(), static_cast<size_t>(got)); !rest.empty();) {
        const size_t end = rest.find('\n');
        if (current == wanted) text += rest.substr(0, end);
        if (current == wanted && (end != std::string_view::npos || text.size() >= kEnough)) return text;
        if (end == std::string_view::npos) break;
        rest.remove_prefix(end + 1);
        ++current;
      }
    }
    return {};
  }

 private:
  int descriptor_;
};

// Cuts to at most kMaxSourceText bytes, without splitting a UTF-8 character.
void shorten(std::string& text) {
  if (text.size() <= kMaxSourceText) return;
  size_t end = kMaxSourceText;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  text.resize(end);
}

}  // namespace

std::string source_line(const std::string& path, int line, const timespec& module_modified) {
  if (line <= 0 || path.empty() || path[0] != '/') return {};
  SourceFile file(path);
  if (!file.can_be_trusted(module_modified)) return {};
  std::string text = file.line(line);
  constexpr std::string_view kBlank = " \t\r\v\f";
  text.erase(0, std::min(text.find_first_not_of(kBlank), text.size()));
  text.resize(text.find_last_not_of(kBlank) + 1);
  shorten(text);
  return text;
}

}  // namespace holdwatch
