// See suppressions.h.
#include "symbolizer/report/suppressions.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fmt/format.h>

#include "symbolizer/report/rules/given_rules.h"
#include "symbolizer/report/text_format.h"

namespace holdwatch {
namespace {

constexpr size_t kLargestFile = 1 << 20;
constexpr size_t kMaxShown = 1024;

// Returns an errno value, or 0. Waits for nothing, whatever kind of file the path names.
int read_regular_file(const std::string& path, std::string& out) {
  const int file = open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  if (file < 0) return errno;
  struct stat facts {};
  int reason = fstat(file, &facts) != 0 ? errno : S_ISDIR(facts.st_mode) ? EISDIR : S_ISREG(facts.st_mode) ? 0 : EINVAL;
  if (reason == 0 && static_cast<size_t>(facts.st_size) > kLargestFile) reason = EFBIG;
  char part[4096];
  while (reason == 0) {
    const ssize_t got = read(file, part, sizeof part);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) reason = errno;
    if (got <= 0) break;
    out.append(part, static_cast<size_t>(got));
  }
  close(file);
  return reason;
}

SuppressionRules given_rules() {
  SuppressionRules rules;
  rules.add(kGivenRules, "given");
  return rules;
}

}  // namespace

Suppressions::Suppressions(const std::string& path, const Complain& complain, ReportAt report_at)
    : given_(given_rules()), report_at_(std::move(report_at)) {
  if (!path.empty() && path != "none") read(path, complain);
}

void Suppressions::read(const std::string& path, const Complain& complain) {
  std::string text;
  const int reason = read_regular_file(path, text);
  if (reason != 0) {
    const std::string what = fmt::format("HOLDWATCH_SUPPRESS: cannot read {}: {}", escape(path), strerror(reason));
    return complain(what.c_str(), "no rule is used");
  }
  for (const std::string& fault : users_.add(text, path))
    complain(fmt::format("HOLDWATCH_SUPPRESS: {}", fault).c_str(), "this rule is not used");
}

bool Suppressions::may_leave_out(const Report& facts) const {
  return facts.lock_kind == LockKind::condition || users_.may_leave_out(facts) || given_.may_leave_out(facts);
}

void Suppressions::keep_condition_waits(Report& report) {
  uint64_t later_ns = UINT64_MAX, limit_ns = UINT64_MAX;
  std::erase_if(report.waiters, [&](const ReportWaiters& group) {
    uint64_t from_ns = 0;
    const bool is_asked_for = users_.asks_for(report, group, &from_ns);
    uint64_t& smallest_ns = is_asked_for ? limit_ns : later_ns;
    smallest_ns = std::min(smallest_ns, from_ns);
    return !is_asked_for;
  });
  if (!report.waiters.empty()) report.limit_ns = limit_ns;
  const bool is_unwanted = report.waiters.empty() && !shown_.contains(report.episode);
  if (is_unwanted || later_ns != UINT64_MAX) report_at_(report.episode, later_ns);
}

// What keep_condition_waits has left. The first report that is shown of its episode must be complete.
bool Suppressions::leaves_out_condition_waits(Report& report) {
  if (has_ended(report.phase)) return shown_.erase(report.episode) == 0;
  if (report.waiters.empty()) return true;
  if (shown_.insert(report.episode).second) report.phase = Phase::over;
  while (shown_.size() > kMaxShown) shown_.erase(shown_.begin());
  return false;
}

bool Suppressions::leaves_out(Report& report, std::string* notice) {
  if (report.phase == Phase::snapshot) return false;
  if (report.lock_kind == LockKind::condition) return leaves_out_condition_waits(report);
  const bool goes_on = report.phase == Phase::still || report.phase == Phase::released;
  if (goes_on && !left_out_.contains(report.episode)) return false;
  if (report.phase == Phase::released) return left_out_.erase(report.episode) > 0;
  uint64_t at_ns = UINT64_MAX;
  const SuppressionRule* rule = users_.leaves_out(report, &at_ns);
  if (rule == nullptr) rule = given_.leaves_out(report, &at_ns);
  if (rule == nullptr) {
    // The first report that is shown of its episode must be complete.
    if (left_out_.erase(report.episode) > 0) report.phase = Phase::over;
    return false;
  }
  if (report.phase != Phase::late) {
    left_out_.insert(report.episode);
    if (at_ns != UINT64_MAX) report_at_(report.episode, at_ns);
  }
  if (!rule->reason.empty() && said_.insert(rule->reason).second)
    *notice = fmt::format("{} and similar locks are not reported: {}", report.lock_id, rule->reason);
  return true;
}

std::vector<std::string> Suppressions::unused() const {
  std::vector<std::string> lines;
  for (const std::string& origin : users_.unused())
    lines.push_back(fmt::format("HOLDWATCH_SUPPRESS: {}: this rule has matched nothing", origin));
  return lines;
}

std::string why_held_by_design(const Report& report) {
  static SuppressionRules given = given_rules();  // asked for each wait of an inspection
  Report unknown = report;
  for (ReportHolder& holder : unknown.holders) holder.taken = holder.now = {};
  for (ReportWaiters& group : unknown.waiters) group.stack = {};
  uint64_t at_ns = 0;
  const SuppressionRule* const rule = given.leaves_out(unknown, &at_ns);
  return rule == nullptr ? "" : rule->reason;
}

}  // namespace holdwatch
