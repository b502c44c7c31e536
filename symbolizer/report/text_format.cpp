// See text_format.h.
#include "symbolizer/report/text_format.h"

#include <fmt/format.h>

#include "shim/common/text/escaped_text.h"
#include "shim/common/text/text_buffer.h"

namespace holdwatch {
namespace {

constexpr uint64_t kMillisecond = 1'000'000;
constexpr uint64_t kSecond = 1'000'000'000;
constexpr uint64_t kMinute = 60 * kSecond;
constexpr uint64_t kHour = 60 * kMinute;
constexpr uint64_t kDay = 24 * kHour;

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

std::string lost_waiting(uint64_t lost_ns) {
  return lost_ns == 0 ? "" : fmt::format(", {} lost waiting", format_duration(lost_ns));
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
  std::string out;
  put_printable(text, Escape::unprintable, [&out](char part) { out += part; });
  return out;
}

std::string quote(std::string_view text) {
  std::string out;
  put_quoted(text, [&out](char part) { out += part; });
  return out;
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
