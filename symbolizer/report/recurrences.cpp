// See recurrences.h.
#include "symbolizer/report/recurrences.h"

#include <algorithm>

#include <fmt/format.h>

#include "symbolizer/report/headline.h"
#include "symbolizer/report/text_format.h"

namespace holdwatch {
namespace {

constexpr uint64_t kFirstPeriodNs = 60'000'000'000;
constexpr uint64_t kLongestPeriodNs = 3'600'000'000'000;
constexpr uint64_t kMuchWorse = 2;  // times the longest before
constexpr size_t kMaxKept = 1024;   // faults, episodes and places
constexpr size_t kMaxLines = 20;

// The others last forever, or are reported once.
bool can_return(Event event) {
  return event == Event::hold || event == Event::wait;
}

// Where the holder took the lock; without a known place, and of waits, the lock.
uintptr_t place_of(const Finding& finding) {
  const bool has_site = finding.event == Event::hold && finding.holder_count > 0 && finding.holders[0].site_count > 0;
  return has_site ? finding.holders[0].sites[0].pc : finding.lock.address;
}

}  // namespace

bool Recurrences::is_new_place(const Finding& finding) const {
  return !can_return(finding.event) || !places_.contains(place_of(finding));
}

void Recurrences::note(const Finding& finding, Report& report, uint64_t now_ns) {
  if (report.phase == Phase::snapshot) return;
  const auto known = episodes_.find(report.episode);
  const bool begins = report.phase == Phase::over || report.phase == Phase::late;
  ShownAs shown_as = ShownAs::report;
  if (!can_return(report.event)) {
    // It began as a hold or a wait, and has become worse.
    if (known != episodes_.end() && !known->second.is_shown) shown_as = ShownAs::beginning;
    if (known != episodes_.end()) episodes_.erase(known);
  } else if (begins) {
    shown_as = note_beginning(finding, report, now_ns);
  } else if (known != episodes_.end()) {
    const bool ends = report.phase == Phase::released;
    shown_as = ends ? note_end(known->second, report) : note_going_on(known->second, report);
    if (ends) episodes_.erase(known);
  }
  const auto fault = faults_.find(report.fingerprint);
  if (fault == faults_.end()) return;
  report.recurrence = {shown_as, fault->second.times, fault->second.first_episode, fault->second.longest_ns,
                       fault->second.lost_ns};
}

ShownAs Recurrences::note_beginning(const Finding& finding, const Report& report, uint64_t now_ns) {
  forget_oldest();
  places_.insert(place_of(finding));
  const bool is_new = !faults_.contains(report.fingerprint);
  Fault& fault = faults_[report.fingerprint];
  if (is_new) {
    fault.first_episode = report.episode;
    fault.told_times = 1;
    fault.told_ns = now_ns;
  }
  ++fault.times;
  const ShownAs shown_as = is_new ? ShownAs::report : tell(fault, now_ns);
  const bool ends = report.phase == Phase::late;
  if (is_new || ends) fault.longest_ns = std::max(fault.longest_ns, oldest_age_ns(report));
  if (ends)
    fault.lost_ns += report.lost_ns;
  else
    episodes_[report.episode] = {report.fingerprint, oldest_age_ns(report), is_new};
  return shown_as;
}

// Compared with all that were shown: of a hundred threads that are stuck in one place, the oldest stays the only one.
ShownAs Recurrences::note_going_on(OpenEpisode& episode, const Report& report) {
  Fault& fault = faults_[episode.fingerprint];
  episode.age_ns = std::max(episode.age_ns, oldest_age_ns(report));
  const bool was_shown = episode.is_shown;
  if (!was_shown && episode.age_ns <= kMuchWorse * fault.longest_ns) return ShownAs::nothing;
  episode.is_shown = true;
  fault.longest_ns = std::max(fault.longest_ns, episode.age_ns);
  return was_shown ? ShownAs::report : ShownAs::beginning;
}

ShownAs Recurrences::note_end(OpenEpisode& episode, const Report& report) {
  Fault& fault = faults_[episode.fingerprint];
  fault.longest_ns = std::max({fault.longest_ns, episode.age_ns, oldest_age_ns(report)});
  fault.lost_ns += report.lost_ns;
  return episode.is_shown ? ShownAs::report : ShownAs::nothing;
}

ShownAs Recurrences::tell(Fault& fault, uint64_t now_ns) {
  if (fault.period_ns != 0 && now_ns - fault.told_ns < fault.period_ns) return ShownAs::nothing;
  begin_period(fault, now_ns);
  fault.told_times = fault.times;
  return ShownAs::line;
}

void Recurrences::begin_period(Fault& fault, uint64_t now_ns) {
  fault.period_ns = std::clamp(2 * fault.period_ns, kFirstPeriodNs, kLongestPeriodNs);
  fault.told_ns = now_ns;
}

std::vector<std::string> Recurrences::take_untold() {
  return take_untold([](const Fault&) { return true; });
}

std::vector<std::string> Recurrences::take_untold(uint64_t now_ns) {
  return take_untold([=](Fault& fault) {
    if (now_ns - fault.told_ns < fault.period_ns) return false;
    begin_period(fault, now_ns);
    return true;
  });
}

uint64_t Recurrences::next_untold_ns() const {
  uint64_t next_ns = UINT64_MAX;
  for (const auto& [fingerprint, fault] : faults_)
    if (fault.times > fault.told_times) next_ns = std::min(next_ns, fault.told_ns + fault.period_ns);
  return next_ns;
}

template <typename Matches>
std::vector<std::string> Recurrences::take_untold(Matches matches) {
  std::vector<std::string> lines;
  size_t left_out = 0;
  for (auto& [fingerprint, fault] : faults_) {
    const uint64_t more = fault.times - fault.told_times;
    if (more == 0 || !matches(fault)) continue;
    fault.told_times = fault.times;
    if (lines.size() == kMaxLines)
      ++left_out;
    else
      lines.push_back(fmt::format("what episode {} reported (fingerprint {}) has returned {}, longest {}{}",
                                  fault.first_episode, fingerprint, count_of(more, "more time", "more times"),
                                  format_duration(fault.longest_ns), lost_waiting(fault.lost_ns)));
  }
  if (left_out > 0) lines.push_back(fmt::format("so have {}", count_of(left_out, "other report", "other reports")));
  return lines;
}

// What is forgotten is shown in full once more.
void Recurrences::forget_oldest() {
  if (faults_.size() >= kMaxKept)
    faults_.erase(std::min_element(faults_.begin(), faults_.end(), [](const auto& left, const auto& right) {
      return left.second.told_ns < right.second.told_ns;
    }));
  if (episodes_.size() >= kMaxKept) episodes_.erase(episodes_.begin());
  if (places_.size() >= kMaxKept) places_.clear();
}

}  // namespace holdwatch
