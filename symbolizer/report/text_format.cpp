// See text_format.h.
#include "symbolizer/report/text_format.h"

#include <fmt/format.h>

#include "shim/common/text/digits.h"
#include "shim/common/text/text_buffer.h"

namespace holdwatch {
namespace {

constexpr uint64_t kMillisecond = 1'000'000;
constexpr uint64_t kSecond = 1'000'000'000;
constexpr uint64_t kMinute = 60 * kSecond;
constexpr uint64_t kHour = 60 * kMinute;
constexpr uint64_t kDay = 24 * kHour;

// The length of the UTF-8 sequence at the start of `text`, 0 if it is invalid (RFC 3629: no overlong forms, no
// surrogates, nothing above U+10FFFF).
size_t utf8_sequence(std::string_view text) {
  const auto byte = [&](size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
  const auto continues = [&](size_t i) { return (byte(i) & 0xC0u) == 0x80u; };
  const unsigned lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead <= 0xDF) return continues(1) ? 2 : 0;
  if (lead >= 0xE0 && lead <= 0xEF) {
    if (lead == 0xE0 && byte(1) < 0xA0) return 0;
    if (lead == 0xED && byte(1) > 0x9F) return 0;
    return continues(1) && continues(2) ? 3 : 0;
  }
  if (lead >= 0xF0 && lead <= 0xF4) {
    if (lead == 0xF0 && byte(1) < 0x90) return 0;
    if (lead == 0xF4 && byte(1) > 0x8F) return 0;
    return continues(1) && continues(2) && continues(3) ? 4 : 0;
  }
  return 0;
}

// C0, DEL, and C1 in UTF-8 (terminals obey those too).
bool is_control(std::string_view sequence) {
  const auto first = static_cast<unsigned char>(sequence[0]);
  if (sequence.size() == 1) return first < 0x20 || first == 0x7F;
  return sequence.size() == 2 && first == 0xC2 && static_cast<unsigned char>(sequence[1]) < 0xA0;
}

void append_escaped(std::string& out, std::string_view bytes) {
  for (const char byte : bytes) put_escaped(byte, [&out](char part) { out += part; });
}

std::string escape_with(std::string_view text, bool quotes) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const size_t length = utf8_sequence(text);
    const std::string_view piece = text.substr(0, length == 0 ? 1 : length);
    if (length == 0 || is_control(piece)) {
      append_escaped(out, piece);
    } else {
      if (quotes && (piece == "\"" || piece == "\\")) out += '\\';
      out += piece;
    }
    text.remove_prefix(piece.size());
  }
  return out;
}

struct UtcTime {
  uint64_t year, month, day, hour, minute, second, millisecond;
};

// Without std::chrono's calendar, which gcc has only since 11, and without gmtime, which reads files. Years begin in
// March here, so that the leap day is their last.
UtcTime utc(uint64_t wall_clock_ns) {
  constexpr uint64_t kDaysTo1970 = 719'468;  // from 1 March of the year 0
  constexpr uint64_t kEraDays = 146'097;     // 400 years
  const uint64_t days = wall_clock_ns / kDay + kDaysTo1970;
  const uint64_t era = days / kEraDays, day_of_era = days % kEraDays;
  const uint64_t year_of_era =
      (day_of_era - day_of_era / 1'460 + day_of_era / 36'524 - day_of_era / (kEraDays - 1)) / 365;
  const uint64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const uint64_t month = (5 * day_of_year + 2) / 153;  // 0 is March
  const uint64_t rest = wall_clock_ns % kDay;
  return {era * 400 + year_of_era + (month < 10 ? 0 : 1),
          month < 10 ? month + 3 : month - 9,
          day_of_year - (153 * month + 2) / 5 + 1,
          rest / kHour,
          rest % kHour / kMinute,
          rest % kMinute / kSecond,
          rest % kSecond / kMillisecond};
}

}  // namespace

std::string format_duration(uint64_t ns) {
  Line<32> text;
  text << Duration{ns};
  return text.c_str();
}

std::string format_time(uint64_t wall_clock_ns) {
  const UtcTime at = utc(wall_clock_ns);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", at.year, at.month, at.day, at.hour, at.minute,
                     at.second, at.millisecond);
}

std::string format_time_compact(uint64_t wall_clock_ns) {
  const UtcTime at = utc(wall_clock_ns);
  return fmt::format("{:04}{:02}{:02}T{:02}{:02}{:02}Z", at.year, at.month, at.day, at.hour, at.minute, at.second);
}

std::string count_of(size_t count, std::string_view singular, std::string_view plural) {
  return fmt::format("{} {}", count, count == 1 ? singular : plural);
}

std::string escape(std::string_view text) {
  return escape_with(text, false);
}

std::string quote(std::string_view text) {
  return '"' + escape_with(text, true) + '"';
}

size_t columns(std::string_view text) {
  size_t count = 0;
  for (const char byte : text) count += (static_cast<unsigned char>(byte) & 0xC0u) != 0x80u;
  return count;
}

std::string_view base_name(std::string_view path) {
  return path.substr(path.find_last_of('/') + 1);
}

}  // namespace holdwatch
