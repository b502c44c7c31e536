// See known_benign.h.
#include "symbolizer/report/known_benign.h"

#include <algorithm>
#include <iterator>
#include <string_view>

#include <fmt/format.h>

#include "symbolizer/report/text_format.h"

namespace holdwatch {
namespace {

// The server's names, as installed by Debian too; for a link, the kernel shows the target's name.
bool is_redis(const Report& report) {
  constexpr std::string_view kNames[] = {"redis-server",  "redis-check-rdb",  "redis-check-aof",
                                         "valkey-server", "valkey-check-rdb", "valkey-check-aof"};
  return std::find(std::begin(kNames), std::end(kNames), base_name(report.exe)) != std::end(kNames);
}

// Whether the acquisition's function, if its name is known, is one that takes the locks that redis holds on purpose.
bool is_taken_by_redis_start(const ReportHolder& holder, bool was_watched) {
  if (holder.before_attach || holder.unseen || holder.elsewhere || !was_watched) return true;  // its stack is unknown
  const Stack& taken = holder.taken;
  constexpr std::string_view kTakers[] = {"initThreadedIO", "InitServerLast", "stopThreadedIO",
                                          "moduleInitModulesSystem", "main"};
  if (taken.frames.empty()) return false;
  const Frame& taker = taken.frames.front();
  if (taker.function.empty()) return true;
  return std::find(std::begin(kTakers), std::end(kTakers), taker.function) != std::end(kTakers);
}

// redis parks each of its I/O threads with a mutex that its main thread holds while there is little to do
// (networking.c, initThreadedIO and stopThreadedIO), and holds the modules' lock from its start if no module is loaded
// (module.c). Only that I/O thread ever waits for such a mutex.
bool is_redis_parking(const Report& report, bool was_watched) {
  if (is_cycle(report.event) || !is_redis(report) || report.lock_kind != LockKind::mutex || report.waiters_left_out > 0)
    return false;
  if (report.holders.size() != 1 || report.holders[0].tid != report.pid) return false;
  if (!is_taken_by_redis_start(report.holders[0], was_watched)) return false;
  if (report.waiters.empty()) return true;
  const ReportWaiters& waiters = report.waiters.front();
  return report.waiters.size() == 1 && waiters.threads.size() == 1 && waiters.threads[0].starts_with("io_thd_");
}

}  // namespace

const char* why_known_benign(const Report& report, bool was_watched) {
  if (is_redis_parking(report, was_watched))
    return "redis parks its idle I/O threads on mutexes that its main thread holds";
  return nullptr;
}

bool KnownBenign::may_leave_out(const Report& report) {
  return is_redis(report);
}

bool KnownBenign::leaves_out(Report& report, std::string* notice) {
  if (report.phase == Phase::snapshot) return false;
  const bool goes_on = report.phase == Phase::still || report.phase == Phase::released;
  if (goes_on && left_out_.count(report.episode) == 0) return false;
  if (report.phase == Phase::released) return left_out_.erase(report.episode) > 0;
  const char* why = why_known_benign(report, true);
  if (why == nullptr) {
    // The first report that is shown of its episode must be complete.
    if (left_out_.erase(report.episode) > 0) report.phase = Phase::over;
    return false;
  }
  if (report.phase != Phase::late) left_out_.insert(report.episode);
  if (!notice_given_) *notice = fmt::format("{} and similar locks are not reported: {}", report.lock_id, why);
  notice_given_ = true;
  return true;
}

}  // namespace holdwatch
