// See present.h.
#include "symbolizer/tools/top/present.h"

#include <algorithm>
#include <thread>

#include "symbolizer/proc/proc_text.h"
#include "symbolizer/report/text_format.h"

namespace holdwatch::top {
namespace {

// Uncontended locks are listed once they have been held for this long.
constexpr std::chrono::milliseconds kLeastHold{10};
constexpr std::chrono::seconds kPatience{5};
// A busy process answers within milliseconds, an idle one within a second.
constexpr std::chrono::milliseconds kShortestPause{5}, kLongestPause{50};
// At least so long other commands have their turn.
constexpr std::chrono::milliseconds kBetweenRequests{100};

std::string program_name(int pid) {
  std::string name = read_text(process_file(pid, "comm"));
  while (!name.empty() && name.back() == '\n') name.pop_back();
  return name;
}

// In UTC, as in the log: "03:12:07Z".
std::string time_of_day() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const std::string time = format_time(static_cast<uint64_t>(std::chrono::nanoseconds(now).count()));
  return time.substr(time.find('T') + 1, 8) + "Z";
}

}  // namespace

Present::Present(const TopArguments& arguments)
    : pid_(arguments.pid),
      interval_(arguments.interval_ns),
      source_(pid_, kLeastHold),
      name_(program_name(pid_)),
      explainer_(pid_),
      next_request_(Clock::now()),
      pause_(kShortestPause) {
  await_first();
}

void Present::await_first() {
  const auto until = Clock::now() + kPatience;
  while (!update()) {
    if (Clock::now() > until) source_.refuse_silent();
    std::this_thread::sleep_for(time_until_due());
  }
}

bool Present::update() {
  if (!source_.is_waiting()) {
    if (Clock::now() < next_request_) return false;
    next_request_ = Clock::now() + interval_;
    pause_ = kShortestPause;
    source_.request();
    return false;
  }
  std::unique_ptr<LockList> list = source_.take();
  if (list == nullptr) {
    pause_ = std::min(2 * pause_, kLongestPause);
    return false;
  }
  next_request_ = std::max(next_request_, Clock::now() + kBetweenRequests);
  list_ = std::move(list);
  rows_ = rows_of(*list_);
  explainer_.begin(rows_);
  time_ = time_of_day();
  return true;
}

std::chrono::milliseconds Present::time_until_due() const {
  if (source_.is_waiting()) return pause_;
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(next_request_ - Clock::now());
  return std::max(left, std::chrono::milliseconds{0}) + std::chrono::milliseconds{1};
}

ProcessFacts Present::process(const std::string& remark) const {
  return {pid_, name_, time_, list_->paused && remark.empty() ? "its reports are stopped (holdwatch start)" : remark};
}

ShownRows Present::shown(const std::vector<Place>& places) {
  return {rows_, places, [this](const Row& row) -> const RowFacts& { return explainer_.facts(row); },
          [this](const Row& row) -> const std::vector<std::string>& { return explainer_.details(row); }};
}

}  // namespace holdwatch::top
