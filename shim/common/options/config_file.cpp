// Reads a file of "name = value" lines: the shim's replacement for fgets and sscanf.
// Start context. One open, a few reads, no heap; never waits, whatever kind of file the path names.
#include "shim/common/options/config_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <cerrno>

#include "shim/common/kernel/system_call.h"

namespace holdwatch {
namespace {

std::string_view trimmed(std::string_view text) {
  const auto is_blank = [](char character) { return character == ' ' || character == '\t' || character == '\r'; };
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

std::string_view without_comment(std::string_view line) {
  for (size_t at = 0; at < line.size(); ++at) {
    if (line[at] == '#' && (at == 0 || line[at - 1] == ' ' || line[at - 1] == '\t')) return {line.data(), at};
  }
  return line;
}

}  // namespace

LineContent parse_setting(std::string_view line, Setting* out) {
  const std::string_view text = trimmed(without_comment(line));
  if (text.empty()) return LineContent::nothing;
  const size_t equals = text.find('=');
  if (equals == std::string_view::npos || equals == 0) return LineContent::junk;
  *out = {trimmed({text.data(), equals}), trimmed({text.data() + equals + 1, text.size() - equals - 1})};
  return LineContent::setting;
}

ConfigFile::~ConfigFile() {
  if (descriptor_ >= 0) system_call(SYS_close, descriptor_);
}

const char* ConfigFile::open(const char* path) {
  // O_NONBLOCK: opening a FIFO would otherwise wait for a writer.
  const long opened = system_call(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  if (opened < 0) return reason_of(opened);
  descriptor_ = static_cast<int>(opened);
  struct stat status;
  if (const long answer = system_call(SYS_fstat, descriptor_, &status); answer < 0) return reason_of(answer);
  return S_ISREG(status.st_mode) ? nullptr : "not a regular file";
}

bool ConfigFile::next_byte(char* byte) {
  if (begin_ == end_) {
    long count = 0;
    do {
      count = system_call(SYS_read, descriptor_, block_, sizeof block_);
    } while (count == -EINTR);
    if (count < 0) error_ = reason_of(count);
    if (count <= 0) return false;
    begin_ = 0;
    end_ = static_cast<size_t>(count);
  }
  *byte = block_[begin_++];
  return true;
}

bool ConfigFile::next(std::string_view* line) {
  size_t length = 0;
  char byte = '\0';
  bool any = false;
  line_is_cut_ = false;
  while (next_byte(&byte)) {
    any = true;
    if (byte == '\n') break;
    if (length < sizeof line_) {
      line_[length++] = byte;
    } else {
      line_is_cut_ = true;
    }
  }
  if (any) ++line_number_;
  *line = {line_, length};
  return any;
}

}  // namespace holdwatch
