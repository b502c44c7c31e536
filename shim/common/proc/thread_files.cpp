// See thread_files.h.
#include "shim/common/proc/thread_files.h"

#include <algorithm>

namespace holdwatch {
namespace {

// Cuts numbers off the front of a text.
class Numbers {
 public:
  explicit Numbers(std::string_view text) : text_(text) {}

  // A decimal number, or a hexadecimal one after 0x. None if the next word is neither.
  std::optional<uint64_t> next(unsigned base = 0) {
    skip_blanks();
    if (base == 0) base = take_prefix() ? 16 : 10;
    uint64_t value = 0;
    size_t digits = 0;
    for (; digits < text_.size(); ++digits) {
      const std::optional<unsigned> digit = digit_of(text_[digits], base);
      if (!digit) break;
      value = value * base + *digit;
    }
    if (digits == 0) return std::nullopt;
    text_.remove_prefix(digits);
    return value;
  }

  bool at_end() {
    skip_blanks();
    return text_.empty();
  }

 private:
  static std::optional<unsigned> digit_of(char character, unsigned base) {
    unsigned digit = base;
    if (character >= '0' && character <= '9') digit = static_cast<unsigned>(character - '0');
    if (character >= 'a' && character <= 'f') digit = static_cast<unsigned>(character - 'a') + 10;
    return digit < base ? std::optional(digit) : std::nullopt;
  }

  void skip_blanks() {
    while (!text_.empty() && (text_.front() == ' ' || text_.front() == '\t' || text_.front() == '\n'))
      text_.remove_prefix(1);
  }

  bool take_prefix() {
    if (!text_.starts_with("0x")) return false;
    text_.remove_prefix(2);
    return true;
  }

  std::string_view text_;
};

// The rest of the line that begins with `key`, which holds the colon. None if there is no such line.
std::optional<std::string_view> field(std::string_view text, std::string_view key) {
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view line(text.data(), end);
    if (line.starts_with(key)) {
      line.remove_prefix(key.size());
      return line;
    }
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return std::nullopt;
}

bool parse_number_field(std::string_view text, std::string_view key, unsigned base, uint64_t* out) {
  const std::optional<std::string_view> value = field(text, key);
  if (!value) return false;
  const std::optional<uint64_t> number = Numbers(*value).next(base);
  if (!number) return false;
  *out = *number;
  return true;
}

bool take_places(Numbers* numbers, SyscallFile* file) {
  const std::optional<uint64_t> sp = numbers->next();
  const std::optional<uint64_t> pc = numbers->next();
  if (!sp || !pc || !numbers->at_end()) return false;
  file->sp = *sp;
  file->pc = *pc;
  return true;
}

}  // namespace

SyscallFile parse_syscall(std::string_view text) {
  SyscallFile file;
  if (text.starts_with("running")) {
    file.kind = SyscallFile::Kind::running;
    return file;
  }
  if (text.starts_with("-1 ")) {
    text.remove_prefix(3);
    Numbers numbers(text);
    if (take_places(&numbers, &file)) file.kind = SyscallFile::Kind::blocked_outside;
    return file;
  }
  Numbers numbers(text);
  const std::optional<uint64_t> number = numbers.next();
  if (!number) return file;
  file.call.number = static_cast<long>(*number);
  for (uint64_t& argument : file.call.arguments) {
    const std::optional<uint64_t> value = numbers.next();
    if (!value) return file;
    argument = *value;
  }
  if (!take_places(&numbers, &file)) return file;
  file.call.known = true;
  file.kind = SyscallFile::Kind::in_call;
  return file;
}

bool parse_status(std::string_view text, StatusFile* out) {
  const std::optional<std::string_view> state = field(text, "State:\t");
  if (!state || state->empty()) return false;
  out->state = state->front();

  uint64_t process = 0;
  if (parse_number_field(text, "Tgid:", 10, &process)) out->process = static_cast<int>(process);
  Numbers ids(field(text, "NSpid:").value_or(""));
  while (const std::optional<uint64_t> id = ids.next()) out->innermost_tid = static_cast<int>(*id);

  // Strict mode counts as a filter, and so does a number that the kernel does not tell.
  uint64_t mode = 0, filters = 0;
  parse_number_field(text, "Seccomp:", 10, &mode);
  parse_number_field(text, "Seccomp_filters:", 10, &filters);
  out->call_filters = mode != 0 && filters == 0 ? 1 : static_cast<unsigned>(filters);

  return parse_number_field(text, "SigBlk:", 16, &out->blocked_signals) &&
         parse_number_field(text, "voluntary_ctxt_switches:", 10, &out->voluntary_switches) &&
         parse_number_field(text, "nonvoluntary_ctxt_switches:", 10, &out->involuntary_switches);
}

// The 22nd field, in ticks of USER_HZ, which is 100 for programs everywhere. The second is a name in parentheses that may
// contain anything: the last one ends it.
std::optional<uint64_t> parse_start_time(std::string_view stat) {
  constexpr int kStartTime = 22, kAfterName = 3;
  constexpr uint64_t kTickNs = 10'000'000;
  const size_t name_end = stat.rfind(')');
  if (name_end == std::string_view::npos) return std::nullopt;
  stat.remove_prefix(name_end + 1);
  for (int field = kAfterName; field <= kStartTime && !stat.empty(); ++field) {
    stat.remove_prefix(1);
    if (field < kStartTime) stat.remove_prefix(std::min(stat.size(), stat.find(' ')));
  }
  const std::optional<uint64_t> ticks = Numbers(stat).next(10);
  return ticks ? std::optional(*ticks * kTickNs) : std::nullopt;
}

}  // namespace holdwatch
