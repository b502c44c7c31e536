// See unseen_calls.h.
#include "symbolizer/report/unseen_calls.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "symbolizer/report/text_format.h"

namespace holdwatch {
namespace {

constexpr size_t kMaxNamed = 8;
constexpr size_t kMaxAsked = 32;  // each query takes time in proportion to the number of modules

// The functions of stdio take the locks of streams by themselves: no call of the program's is missing.
bool is_about_stream(const Report& report) {
  const auto is_stream = [](const ReportCycleStep& step) { return step.lock_kind == LockKind::stream; };
  return report.lock_kind == LockKind::stream || std::any_of(report.cycle.begin(), report.cycle.end(), is_stream);
}

// Not a hold from before a fork: it was seen in the parent.
bool shows_unseen_call(const Report& report) {
  if (report.event == Event::fork_orphan || is_about_stream(report)) return false;
  const auto unseen = [](const auto& one) { return one.unseen; };
  return std::any_of(report.holders.begin(), report.holders.end(), unseen) ||
         std::any_of(report.waiters.begin(), report.waiters.end(), unseen);
}

}  // namespace

std::optional<std::string> UnseenCalls::notice(const Report& report, const Libraries& libraries) {
  if (report.phase != Phase::over || !shows_unseen_call(report) || asked_ == kMaxAsked) return std::nullopt;
  ++asked_;
  std::string names;
  size_t count = 0;
  for (const std::string& path : libraries()) {
    if (!named_.insert(path).second || ++count > kMaxNamed) continue;
    names += (names.empty() ? "" : ", ") + escape(base_name(path));
  }
  if (!names.empty()) {
    notice_given_ = true;
    return fmt::format("locks taken in {}{} are not seen: calls from there bypass holdwatch, as with RTLD_DEEPBIND",
                       names, count > kMaxNamed ? " ..." : "");
  }
  if (std::exchange(notice_given_, true)) return std::nullopt;
  return "a lock call was not seen: it was made through a pointer to libc's own function, or its thread had paused "
         "holdwatch or held too many locks";
}

}  // namespace holdwatch
