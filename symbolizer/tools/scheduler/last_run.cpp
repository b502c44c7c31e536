// See last_run.h.
#include "symbolizer/tools/scheduler/last_run.h"

#include <algorithm>

#include "shim/common/text/digits.h"

namespace holdwatch {
namespace {

constexpr uint64_t kLongestTickNs = 10'000'000;
constexpr uint64_t kSetPerMille = 1;

std::string_view value_of(std::string_view text, std::string_view name) {
  const size_t at = text.find(name);
  const size_t colon = at == std::string_view::npos ? at : text.find(':', at);
  if (colon == std::string_view::npos) return {};
  const size_t start = text.find_first_not_of(' ', colon + 1);
  return start == std::string_view::npos ? std::string_view{} : text.substr(start, text.find('\n', start) - start);
}

// "11579388.261893": milliseconds with six decimal places.
std::optional<uint64_t> nanoseconds(std::string_view text) {
  constexpr size_t kDigits = 6;
  const size_t point = text.find('.');
  if (point == std::string_view::npos || text.size() - point - 1 != kDigits) return std::nullopt;
  const auto whole = number_of(text.substr(0, point)), rest = number_of(text.substr(point + 1));
  if (!whole || !rest || *whole > UINT64_MAX / 1'000'000 - 1) return std::nullopt;
  return *whole * 1'000'000 + *rest;
}

}  // namespace

std::optional<LastRun> parse_last_run(std::string_view sched_file) {
  const auto ran_ns = nanoseconds(value_of(sched_file, "se.exec_start"));
  if (!ran_ns || *ran_ns == 0) return std::nullopt;
  return LastRun{*ran_ns, number_of(value_of(sched_file, "se.avg.last_update_time")).value_or(0)};
}

bool may_move_asleep(std::string_view kernel_release) {
  const size_t point = kernel_release.find('.');
  if (point == std::string_view::npos) return true;
  std::string_view rest = kernel_release.substr(point + 1);
  const auto major = number_of(kernel_release.substr(0, point));
  const auto minor = take_number(rest, 10);
  if (!major || !minor) return true;
  return *major > 6 || (*major == 6 && *minor >= 12);
}

// settled_ns has a resolution of 1024 ns.
bool left_queue_at_once(const LastRun& last) {
  return last.settled_ns <= last.ran_ns && last.ran_ns - last.settled_ns < 1024;
}

uint64_t surely_asleep_ns(const LastRun& last, const std::vector<uint64_t>& now_ns) {
  if (now_ns.empty()) return 0;
  const uint64_t least_ns = *std::min_element(now_ns.begin(), now_ns.end());
  if (least_ns <= last.ran_ns) return 0;
  const uint64_t asleep_ns = least_ns - last.ran_ns;
  const uint64_t short_ns = kLongestTickNs + asleep_ns / 1000 * kSetPerMille;
  return asleep_ns > short_ns ? asleep_ns - short_ns : 0;
}

}  // namespace holdwatch
