// See maps_line.h.
#include "shim/common/proc/maps_line.h"

namespace holdwatch {
namespace {

// Takes one line apart from its front. Whatever does not fit makes it fail for good.
class Fields {
 public:
  explicit Fields(std::string_view text) : rest_(text) {}

  uint64_t number(unsigned base) {
    uint64_t value = 0;
    size_t digits = 0;
    for (; digits < rest_.size(); ++digits) {
      const unsigned digit = digit_of(rest_[digits]);
      if (digit >= base) break;
      failed_ = failed_ || value > (UINT64_MAX - digit) / base;
      value = value * base + digit;
    }
    failed_ = failed_ || digits == 0;
    rest_.remove_prefix(digits);
    return value;
  }

  void separator(char wanted) {
    if (rest_.starts_with(wanted))
      rest_.remove_prefix(1);
    else
      failed_ = true;
  }

  // The next character is `yes`.
  bool flag(char yes) {
    if (rest_.empty()) failed_ = true;
    if (failed_) return false;
    const bool set = rest_.front() == yes;
    rest_.remove_prefix(1);
    return set;
  }

  std::string_view rest_without_blanks() {
    while (rest_.starts_with(' ')) rest_.remove_prefix(1);
    return rest_;
  }

  bool failed() const { return failed_; }

 private:
  static unsigned digit_of(char character) {
    if (character >= '0' && character <= '9') return static_cast<unsigned>(character - '0');
    if (character >= 'a' && character <= 'f') return static_cast<unsigned>(character - 'a') + 10;
    return 16;
  }

  std::string_view rest_;
  bool failed_ = false;
};

}  // namespace

// 55d0c8000000-55d0c8021000 r-xp 00001000 fd:01 1234   /path
bool parse_maps_line(std::string_view line, MapsLine* out) {
  *out = {};
  Fields fields(line);
  out->range.start = fields.number(16);
  fields.separator('-');
  out->range.end = fields.number(16);
  fields.separator(' ');
  out->readable = fields.flag('r');
  out->writable = fields.flag('w');
  out->executable = fields.flag('x');
  out->shared = fields.flag('s');
  fields.separator(' ');
  out->start.offset = fields.number(16);
  fields.separator(' ');
  out->start.device = fields.number(16) << 32;
  fields.separator(':');
  out->start.device |= fields.number(16);
  fields.separator(' ');
  out->start.inode = fields.number(10);
  out->path = fields.rest_without_blanks();
  return !fields.failed() && out->range.start < out->range.end;
}

}  // namespace holdwatch
