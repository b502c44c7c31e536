// See lock_list_source.h.
#include "symbolizer/tools/top/lock_list_source.h"

#include "shim/common/proc/thread_files.h"
#include "symbolizer/proc/proc_text.h"
#include "symbolizer/tools/attach/checks.h"
#include "symbolizer/tools/attach/find_watched.h"
#include "symbolizer/tools/attach/refusal.h"
#include "symbolizer/tools/process_state.h"
#include "symbolizer/tools/top/checked_list.h"

namespace holdwatch::top {
namespace {

using attach::Refusal;

constexpr std::chrono::seconds kPatience{5};  // then other commands get their turn while we wait
constexpr std::chrono::seconds kWorthSaying{2};
constexpr std::chrono::seconds kAfterExec{2};

// Identifies a process, whose id may become another one's.
std::optional<uint64_t> start_of(int pid) {
  return parse_start_time(read_text(process_file(pid, "stat")));
}

}  // namespace

// Whatever fails because the process has exited, the message is that it has exited.
template <typename Work>
auto LockListSource::with_process(Work work) {
  try {
    return work();
  } catch (const Refusal&) {
    if (!who_.ends_with("()")) check_process();
    throw;
  }
}

LockListSource::LockListSource(int pid, std::chrono::nanoseconds least_hold)
    : pid_(pid),
      least_hold_ns_(static_cast<uint64_t>(least_hold.count())),
      who_(describe_process(pid)),
      start_(start_of(pid)) {
  if (!has_proc()) throw Refusal(std::string("this command ") + kNeedsProc);
  with_process([this] {
    session_ = std::make_unique<attach::InjectionSession>(pid_);
    find_watched();
  });
  session_.reset();
}

void LockListSource::check_process() const {
  if (has_ended(pid_) || start_of(pid_) != start_) throw Refusal(who_ + " has exited");
}

// Also after the process has executed another program, which may be watched too.
void LockListSource::find_watched() {
  auto target = std::make_unique<attach::AttachTarget>(pid_);
  watched_ = attach::find_watched(*target, ControlRequest::list);
  target_ = std::move(target);
}

// A program that has just been executed gets its watch, if any, in a moment.
bool LockListSource::is_still_watched() {
  if (watched_->is_there() && watched_->has_watcher()) {
    lost_at_.reset();
    return true;
  }
  if (!lost_at_) lost_at_ = Clock::now();
  try {
    find_watched();
    lost_at_.reset();
    return true;
  } catch (const Refusal&) {
    if (Clock::now() - *lost_at_ > kAfterExec) throw;
    return false;
  }
}

void LockListSource::request() {
  if (requested_) return;
  check_process();
  with_process([this] {
    try {
      session_ = std::make_unique<attach::InjectionSession>(pid_, std::chrono::milliseconds{0});
    } catch (const attach::OtherCommand&) {
      is_kept_off_ = true;
      return;
    }
    is_kept_off_ = false;
    // A request that another command has given up may be unanswered.
    if (!is_still_watched() || !watched_->answer()) return session_.reset();
    watched_->send(ControlRequest::list, least_hold_ns_, {});
    requested_ = watched_->requests();
    asked_at_ = Clock::now();
  });
}

std::unique_ptr<LockList> LockListSource::take() {
  if (!requested_) return nullptr;
  check_process();
  return with_process([this]() -> std::unique_ptr<LockList> {
    if (!watched_->is_there()) {
      requested_.reset();
      session_.reset();
      return nullptr;
    }
    const auto answer = watched_->answer();
    if (!answer) {
      if (Clock::now() - asked_at_ > kPatience) session_.reset();
      return nullptr;
    }
    // If others had their turn, the answer may be theirs, or be changing: the next one will do.
    std::unique_ptr<LockList> list;
    if (session_ != nullptr && watched_->requests() == *requested_) {
      list = watched_->lock_list();
      check_list(*list);
    }
    requested_.reset();
    session_.reset();
    return list;
  });
}

void LockListSource::refuse_silent() {
  with_process([this] { attach::refuse_silent(pid_); });
  throw Refusal(who_ + " does not respond");
}

std::string LockListSource::why_none() const {
  if (is_kept_off_) return "another holdwatch command is working on it";
  if (!requested_ || Clock::now() - asked_at_ < kWorthSaying) return "";
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(Clock::now() - asked_at_).count();
  const std::string status = read_text(process_file(pid_, "status"));
  const bool is_stopped = status_field(status, "State").value_or("").starts_with('T');
  return "no answer for " + std::to_string(seconds) + " s" + (is_stopped ? ": the process is stopped" : "");
}

}  // namespace holdwatch::top
