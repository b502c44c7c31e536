// Option values from text and back: pure functions that return a value or the reason why there is none.
// Any context. Never prints anything, never reads the environment.
#include "shim/common/options/option_values.h"

#include "shim/common/text/digits.h"

namespace holdwatch {
namespace {

struct DurationUnit {
  std::string_view name;
  uint64_t ns;
};

constexpr DurationUnit kUnits[] = {{"h", 3'600'000'000'000}, {"m", 60'000'000'000}, {"s", 1'000'000'000},
                                   {"ms", 1'000'000},        {"us", 1'000},         {"ns", 1}};

constexpr const char* kNotADuration = "not a duration such as 250ms or 1.5s";
constexpr const char* kTooLarge = "too large";

// Removes the digits at the beginning of `text` and returns them.
std::string_view take_digits(std::string_view& text) {
  size_t length = 0;
  while (length < text.size() && is_digit(text[length])) ++length;
  const std::string_view digits(text.data(), length);
  text.remove_prefix(length);
  return digits;
}

Parsed<uint64_t> scale_fraction(std::string_view digits, uint64_t unit_ns) {
  uint64_t sum = 0;
  uint64_t place = unit_ns;
  for (const char digit : digits) {
    if (digit_value(digit) == 0) {
      place = place % 10 == 0 ? place / 10 : 0;
      continue;
    }
    if (place == 0 || place % 10 != 0) return {0, "finer than a nanosecond"};
    place /= 10;
    sum += digit_value(digit) * place;
  }
  return {sum, nullptr};
}

// Removes the first of the alternatives, which are separated by ", ", and returns it.
std::string_view take_alternative(std::string_view& values) {
  size_t length = 0;
  while (length < values.size() && values[length] != ',') ++length;
  const std::string_view word(values.data(), length);
  values.remove_prefix(length);
  while (!values.empty() && (values.front() == ',' || values.front() == ' ')) values.remove_prefix(1);
  return word;
}

}  // namespace

Parsed<uint64_t> parse_duration(std::string_view text) {
  if (text == "0") return {0, nullptr};
  const std::string_view whole = take_digits(text);
  std::string_view fraction;
  if (!text.empty() && text.front() == '.') {
    text.remove_prefix(1);
    fraction = take_digits(text);
    if (fraction.empty()) return {0, kNotADuration};
  }
  if (whole.empty()) return {0, kNotADuration};
  if (text.empty()) return {0, "needs a unit, as in 250ms or 1.5s"};
  for (const DurationUnit& unit : kUnits) {
    if (text != unit.name) continue;
    const Parsed<uint64_t> number = parse_count(whole);
    if (!number.ok()) return number;
    const Parsed<uint64_t> part = scale_fraction(fraction, unit.ns);
    if (!part.ok()) return part;
    uint64_t ns = 0;
    if (__builtin_mul_overflow(number.value, unit.ns, &ns) || __builtin_add_overflow(ns, part.value, &ns)) {
      return {0, kTooLarge};
    }
    return {ns, nullptr};
  }
  return {0, "unknown unit (valid: ns, us, ms, s, m, h)"};
}

Parsed<uint64_t> parse_count(std::string_view text) {
  if (text.empty()) return {0, "empty"};
  for (const char character : text)
    if (!is_digit(character)) return {0, "not a whole number"};
  const std::optional<uint64_t> number = number_of(text);
  if (!number) return {0, kTooLarge};
  return {*number, nullptr};
}

Parsed<size_t> parse_choice(std::string_view text, std::string_view values) {
  for (size_t index = 0; !values.empty(); ++index) {
    if (take_alternative(values) == text) return {index, nullptr};
  }
  return {0, "not a valid value"};
}

NumberRange range_in(std::string_view values, Parsed<uint64_t> (*parse)(std::string_view)) {
  constexpr std::string_view kTo = " to ";
  while (!values.empty()) {
    const std::string_view alternative = take_alternative(values);
    for (size_t at = 1; at + kTo.size() < alternative.size(); ++at) {
      if (std::string_view(alternative.data() + at, kTo.size()) != kTo) continue;
      const size_t behind = at + kTo.size();
      return {parse({alternative.data(), at}).value,
              parse({alternative.data() + behind, alternative.size() - behind}).value};
    }
  }
  return {0, UINT64_MAX};
}

const char* check_placeholders(std::string_view path) {
  for (size_t at = 0; at < path.size(); ++at) {
    if (path[at] != '%') continue;
    ++at;
    if (at == path.size() || std::string_view("peht%").find(path[at]) == std::string_view::npos) {
      return "only %p, %e, %h and %t are placeholders; a literal % is written %%";
    }
  }
  return nullptr;
}

void write_duration(uint64_t ns, TextBuffer& out) {
  if (ns == 0) {
    out << '0';
    return;
  }
  const DurationUnit* unit = kUnits;
  while (ns % unit->ns != 0) ++unit;
  out << ns / unit->ns << unit->name;
}

std::string_view choice_name(size_t index, std::string_view values) {
  std::string_view word = take_alternative(values);
  for (; index > 0; --index) word = take_alternative(values);
  return word;
}

}  // namespace holdwatch
