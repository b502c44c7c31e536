// See rate_limit.h.
#include "symbolizer/outputs/rate_limit.h"

namespace holdwatch {
namespace {

constexpr uint64_t kMinuteNs = 60'000'000'000;
constexpr size_t kMaxEpisodes = 4096;  // deadlocks never end: their episodes would stay forever

void keep(std::set<uint64_t>& episodes, uint64_t episode) {
  episodes.insert(episode);
  if (episodes.size() > kMaxEpisodes) episodes.erase(episodes.begin());
}

}  // namespace

bool RateLimit::admit(Phase phase, uint64_t episode, uint64_t now_ns, bool is_urgent) {
  while (!admitted_.empty() && now_ns - admitted_.front() >= kMinuteNs) admitted_.pop_front();
  last_begun_.reset();
  last_took_place_ = false;
  const bool closes_episode = phase == Phase::released && begun_.erase(episode) > 0;
  if (phase == Phase::released && withdrawn_.erase(episode) > 0) return false;
  const bool closes_unbegun = phase == Phase::released && unbegun_.erase(episode) > 0;
  const bool is_free = closes_episode || is_urgent;
  if (closes_unbegun || (admitted_.size() >= limit_ && !is_free)) {
    if (left_out_++ == 0) left_out_since_ns_ = now_ns;
    if (phase == Phase::over) keep(unbegun_, episode);
    return false;
  }
  last_took_place_ = !is_free;
  if (last_took_place_) admitted_.push_back(now_ns);
  const bool was_left_out = (unbegun_.erase(episode) | withdrawn_.erase(episode)) > 0;
  if (phase == Phase::over || (phase == Phase::still && was_left_out)) {
    if (!begun_.contains(episode)) last_begun_ = episode;
    keep(begun_, episode);
  }
  return true;
}

void RateLimit::withdraw() {
  if (last_took_place_ && !admitted_.empty()) admitted_.pop_back();
  if (last_begun_) {
    begun_.erase(*last_begun_);
    keep(withdrawn_, *last_begun_);
  }
  last_begun_.reset();
  last_took_place_ = false;
}

std::optional<LeftOut> RateLimit::take_left_out(uint64_t now_ns, bool final) {
  if (left_out_ == 0) return std::nullopt;
  const uint64_t period_ns = now_ns - left_out_since_ns_;
  if (period_ns < kMinuteNs && !final) return std::nullopt;
  const LeftOut left_out{left_out_, period_ns};
  left_out_ = 0;
  return left_out;
}

}  // namespace holdwatch
