// Asks a watched process for its list of locks, as `holdwatch snapshot` asks for its reports: by its control block.
// Never waits: the process answers at its watcher's next wake-up, within a second.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "shim/common/contract/lock_list.h"
#include "symbolizer/tools/attach/injection_session.h"
#include "symbolizer/tools/attach/target.h"
#include "symbolizer/tools/attach/watched.h"

namespace holdwatch::top {

class LockListSource {
 public:
  // Throws Refusal, as all functions do, if the process cannot be asked: it is not watched, another user's, or has exited.
  LockListSource(int pid, std::chrono::nanoseconds least_hold);

  // Requests a list, unless a request is still unanswered, or another command is working on the process.
  void request();
  bool is_waiting() const { return requested_.has_value(); }
  // The list, once it is there; it is checked.
  std::unique_ptr<LockList> take();

  // Throws a Refusal that says why there is no answer.
  [[noreturn]] void refuse_silent();
  // Empty, or why there is no new list at present.
  std::string why_none() const;

 private:
  using Clock = std::chrono::steady_clock;

  void find_watched();
  bool is_still_watched();
  void check_process() const;
  template <typename Work>
  auto with_process(Work work);

  const int pid_;
  const uint64_t least_hold_ns_;
  const std::string who_;
  const std::optional<uint64_t> start_;
  std::unique_ptr<attach::AttachTarget> target_;
  std::optional<attach::Watched> watched_;
  std::unique_ptr<attach::InjectionSession> session_;  // while we wait for an answer
  std::optional<uint32_t> requested_;                  // the number of the request that is unanswered
  Clock::time_point asked_at_;
  std::optional<Clock::time_point> lost_at_;  // since when it has had no watch
  bool is_kept_off_ = false;                  // by another command
};

}  // namespace holdwatch::top
