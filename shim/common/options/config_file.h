// Reads a file of "name = value" lines: the shim's replacement for fgets and sscanf.
// Start context. One open, a few reads, no heap; never waits, whatever kind of file the path names.
#pragma once

#include <cstddef>
#include <string_view>

namespace holdwatch {

struct Setting {
  std::string_view name;
  std::string_view value;
};
enum class LineContent : unsigned char { nothing, setting, junk };

// Parses a line. Blanks around name and value are ignored, and so is a comment, which begins with a # at the start of
// the line or after a blank (a path may contain one) and extends to the end of the line.
LineContent parse_setting(std::string_view line, Setting* out);

class ConfigFile {
 public:
  using DescribeError = const char* (*)(int error);  // an errno in words
  explicit ConfigFile(DescribeError describe) : describe_(describe) {}
  ConfigFile(const ConfigFile&) = delete;
  ConfigFile& operator=(const ConfigFile&) = delete;
  ~ConfigFile();

  // Null, or the reason why the file cannot be read.
  const char* open(const char* path);

  // The next line, without its newline; it stays valid until the next call. False at the end or after a read error,
  // which `error` then returns. A line that does not fit is cut, and `line_is_cut` is true.
  bool next(std::string_view* line);

  unsigned line_number() const { return line_number_; }
  bool line_is_cut() const { return line_is_cut_; }
  const char* error() const { return error_; }

 private:
  bool next_byte(char* byte);
  const char* reason_of(long answer) const { return describe_(static_cast<int>(-answer)); }

  DescribeError describe_;
  int descriptor_ = -1;
  unsigned line_number_ = 0;
  bool line_is_cut_ = false;
  const char* error_ = nullptr;
  size_t begin_ = 0;
  size_t end_ = 0;
  char block_[1024];
  char line_[1024];
};

}  // namespace holdwatch
