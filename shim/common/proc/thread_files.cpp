// See thread_files.h.
#include "shim/common/proc/thread_files.h"

#include <algorithm>

#include "shim/common/text/digits.h"

namespace holdwatch {
namespace {

// Removes numbers from the start of a text, one after the other.
class Numbers {
 public:
  explicit Numbers(std::string_view text) : text_(text) {}

  // A decimal number, or a hexadecimal one after 0x. None if the next word is neither.
  std::optional<uint64_t> next(unsigned base = 0) {
    skip_blanks();
    if (base == 0) base = take_prefix() ? 16 : 10;
    return take_number(text_, base);
  }

  bool at_end() {
    skip_blanks();
    return text_.empty();
  }

 private:
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

bool is_blank(char character) {
  return character == ' ' || character == '\t';
}

bool store(std::optional<uint64_t> value, uint64_t* out) {
  if (value) *out = *value;
  return value.has_value();
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

std::optional<std::string_view> status_field(std::string_view status, std::string_view name) {
  while (!status.empty()) {
    const size_t end = std::min(status.find('\n'), status.size());
    std::string_view line(status.data(), end);
    if (line.size() > name.size() && line.starts_with(name) && line[name.size()] == ':') {
      line.remove_prefix(name.size() + 1);
      while (!line.empty() && is_blank(line.front())) line.remove_prefix(1);
      return line;
    }
    status.remove_prefix(std::min(end + 1, status.size()));
  }
  return std::nullopt;
}

std::optional<uint64_t> status_number(std::string_view status, std::string_view name) {
  return Numbers(status_field(status, name).value_or("")).next(10);
}

std::optional<uint64_t> status_mask(std::string_view status, std::string_view name) {
  return Numbers(status_field(status, name).value_or("")).next(16);
}

bool parse_status(std::string_view text, StatusFile* out) {
  const std::optional<std::string_view> state = status_field(text, "State");
  if (!state || state->empty()) return false;
  out->state = state->front();
  if (const auto process = status_number(text, "Tgid")) out->process = static_cast<int>(*process);
  Numbers ids(status_field(text, "NSpid").value_or(""));
  for (out->namespaces = 0; const std::optional<uint64_t> id = ids.next(); ++out->namespaces)
    out->innermost_tid = static_cast<int>(*id);
  out->seccomp_filters = count_seccomp_filters(text);
  return store(status_mask(text, "SigBlk"), &out->blocked_signals) &&
         store(status_number(text, "voluntary_ctxt_switches"), &out->voluntary_switches) &&
         store(status_number(text, "nonvoluntary_ctxt_switches"), &out->involuntary_switches);
}

std::optional<uint64_t> count_switches(std::string_view status) {
  const auto voluntary = status_number(status, "voluntary_ctxt_switches");
  const auto involuntary = status_number(status, "nonvoluntary_ctxt_switches");
  return voluntary && involuntary ? std::optional(*voluntary + *involuntary) : std::nullopt;
}

uint64_t pending_signals(std::string_view status) {
  return status_mask(status, "SigPnd").value_or(0) | status_mask(status, "ShdPnd").value_or(0);
}

unsigned count_seccomp_filters(std::string_view status) {
  const uint64_t mode = status_number(status, "Seccomp").value_or(0);
  const uint64_t filters = status_number(status, "Seccomp_filters").value_or(0);
  return mode != 0 && filters == 0 ? 1 : static_cast<unsigned>(filters);
}

bool may_have_seccomp_filter(std::string_view status) {
  return status_number(status, "Seccomp") != uint64_t{0};
}

// The second field is a name in parentheses that may contain anything: the last closing parenthesis ends it.
std::optional<uint64_t> stat_number(std::string_view stat, int field) {
  constexpr int kAfterName = 3;
  const size_t name_end = stat.rfind(')');
  if (name_end == std::string_view::npos) return std::nullopt;
  stat.remove_prefix(name_end + 1);
  for (int at = kAfterName; at <= field && !stat.empty(); ++at) {
    stat.remove_prefix(1);
    if (at < field) stat.remove_prefix(std::min(stat.size(), stat.find(' ')));
  }
  return Numbers(stat).next(10);
}

// The 22nd field, in ticks of USER_HZ, which is 100 for programs on all architectures.
std::optional<uint64_t> parse_start_time(std::string_view stat) {
  constexpr int kStartTime = 22;
  constexpr uint64_t kTickNs = 10'000'000;
  const std::optional<uint64_t> ticks = stat_number(stat, kStartTime);
  return ticks ? std::optional(*ticks * kTickNs) : std::nullopt;
}

}  // namespace holdwatch
