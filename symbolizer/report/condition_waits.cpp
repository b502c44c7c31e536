// See condition_waits.h.
#include "symbolizer/report/condition_waits.h"

#include <algorithm>
#include <functional>
#include <numeric>

#include <fmt/format.h>

#include "symbolizer/report/text_format.h"

namespace holdwatch {
namespace {

std::vector<const ReportWaiters*> by_size(const Report& all) {
  std::vector<const ReportWaiters*> groups;
  for (const ReportWaiters& group : all.waiters) groups.push_back(&group);
  std::stable_sort(groups.begin(), groups.end(),
                   [](const ReportWaiters* a, const ReportWaiters* b) { return a->tids.size() > b->tids.size(); });
  return groups;
}

}  // namespace

std::vector<Report> listed_by_stack(const Report& all) {
  std::vector<Report> list;
  for (const ReportWaiters* group : by_size(all)) {
    if (list.size() == kMaxListedStacks) break;
    Report& one = list.emplace_back(all);
    one.waiters = {*group};
    one.waiters_left_out = 0;
    one.lock_id = group->lock_id;
    one.lock_address = group->object;
    one.fingerprint = fingerprint(one);
  }
  return list;
}

std::string left_out_of_list(std::vector<size_t> groups, size_t more) {
  std::sort(groups.begin(), groups.end(), std::greater<>());
  const size_t listed = std::min(groups.size(), kMaxListedStacks), places = groups.size() - listed;
  const auto first = groups.begin() + static_cast<std::ptrdiff_t>(listed);
  const size_t threads = std::accumulate(first, groups.end(), more);
  if (threads == 0) return "";
  const std::string where = places == 0 ? "" : " in " + count_of(places, "other place", "other places");
  return fmt::format("{}{} not listed", count_of(threads, "more condition wait", "more condition waits"), where);
}

}  // namespace holdwatch
