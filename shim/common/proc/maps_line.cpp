// See maps_line.h.
#include "shim/common/proc/maps_line.h"

#include <optional>

#include "shim/common/text/digits.h"

namespace holdwatch {
namespace {

// Parses one line from its start. After anything unexpected, all further fields fail.
class Fields {
 public:
  explicit Fields(std::string_view text) : rest_(text) {}

  uint64_t number(unsigned base) {
    const std::optional<uint64_t> value = take_number(rest_, base);
    failed_ = failed_ || !value;
    return value.value_or(0);
  }

  void separator(char wanted) {
    if (rest_.starts_with(wanted))
      rest_.remove_prefix(1);
    else
      failed_ = true;
  }

  // Whether the next character is `yes`.
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

bool shared_byte_at(const MapsLine& line, uintptr_t address, FilePage* out) {
  if (!line.shared || !line.range.contains(address)) return false;
  *out = line.start;
  out->offset += address - line.range.start;
  return true;
}

// Names of that file, which shmem_zero_setup makes in the kernel's mm/shmem.c.
bool is_anonymous(const MapsLine& line) {
  return line.shared && line.path == "/dev/zero (deleted)";
}

uintptr_t shared_address_of(const MapsLine& line, const FilePage& byte) {
  const uint64_t from_start = byte.offset - line.start.offset;
  const bool is_there = line.shared && line.start.device == byte.device && line.start.inode == byte.inode &&
                        from_start < line.range.end - line.range.start;
  return is_there ? line.range.start + from_start : 0;
}

}  // namespace holdwatch
