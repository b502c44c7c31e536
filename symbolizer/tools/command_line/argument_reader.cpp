// See argument_reader.h.
#include "symbolizer/tools/command_line/argument_reader.h"

#include <climits>
#include <optional>

#include "shim/common/text/digits.h"

namespace holdwatch {
namespace {

// "--name=value", "--name" and "-x".
void take_apart(std::string_view text, Argument& out) {
  out.kind = text == "--help" || text == "-h" ? Argument::Kind::help : Argument::Kind::option;
  if (!text.starts_with("--")) return;
  const std::string_view name(text.data() + 2, text.size() - 2);
  const size_t equals = name.find('=');
  out.name = {name.data(), equals == std::string_view::npos ? name.size() : equals};
  if (equals != std::string_view::npos) out.value = name.data() + equals + 1;
}

}  // namespace

bool ArgumentReader::next(Argument& out) {
  if (at_ >= count_) return false;
  out = {};
  out.text = arguments_[at_++];
  const std::string_view text(out.text);
  if (only_operands_) return true;
  if (text == "--") {
    only_operands_ = true;
    out.kind = Argument::Kind::separator;
  } else if (text.size() < 2 || text.front() != '-') {
    only_operands_ = where_ == Options::first;
  } else {
    take_apart(text, out);
  }
  return true;
}

const char* ArgumentReader::value_of(const Argument& option) {
  if (option.value != nullptr) return option.value;
  return at_ < count_ ? arguments_[at_++] : nullptr;
}

const char* ArgumentReader::toggle_of(const Argument& option) {
  if (option.value != nullptr) return option.value;
  const std::string_view following = at_ < count_ ? arguments_[at_] : "";
  return following == "0" || following == "1" ? arguments_[at_++] : "1";
}

void write_unknown_option(const Argument& option, TextBuffer& out) {
  out << "unknown option " << option.text;
}

void write_missing_value(const Argument& option, std::string_view possible, TextBuffer& out) {
  out << "--" << option.name << " requires a value: " << possible;
}

void write_needless_value(const Argument& option, TextBuffer& out) {
  out << "--" << option.name << " takes no value";
}

void write_invalid_process_id(std::string_view text, TextBuffer& out) {
  out << "invalid process id '" << text << '\'';
}

bool parse_process_id(std::string_view text, int& pid) {
  const std::optional<uint64_t> number = take_number(text, 10);
  if (!number || !text.empty() || *number == 0 || *number > INT_MAX) return false;
  pid = static_cast<int>(*number);
  return true;
}

}  // namespace holdwatch
