// Tries the pairs on the stack that may be a saved rbp and a return address. See caller_search.h.
// Cold context only.
#include "symbolizer/unwind/caller_search.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace holdwatch {

namespace {

constexpr uintptr_t kMaxSearched = uintptr_t{1} << 20;  // bytes of stack
constexpr size_t kMaxGuesses = 32;                      // that lead to the thread's start
constexpr uintptr_t kStackAlignment = 16;  // of rbp in a function that pushes it (System V ABI, section 3.2.2)
constexpr uintptr_t kPushedPair =
    2 * sizeof(uintptr_t);  // rbp as a function has pushed it, and the return address above

// The walk that results if rbp has a certain value, and how well the call fits that would have made the frame.
struct Guess {
  uintptr_t cfa;  // of the frame whose rbp it is
  CallMatch call;
  CallerEvidence evidence;
  unsigned calls_elsewhere;  // of the frames further out
  Walk walk;

  // Matching registers show that it was a frame at some time, not that it still is one.
  bool is_supported() const { return evidence.stores == Support::supported; }
  bool is_proven() const { return call == CallMatch::proven || (is_supported() && call == CallMatch::possible); }
  // Lower is better: there is evidence beyond its call, then its call is proven, possible, doubtful.
  int rank() const { return is_supported() && call <= CallMatch::possible ? -1 : static_cast<int>(call); }
  // Whether a frame of the walk ends there.
  bool has_frame(uintptr_t other_cfa) const {
    return std::any_of(walk.frames.begin(), walk.frames.end(),
                       [other_cfa](const RawFrame& frame) { return frame.cfa == other_cfa; });
  }
};

class CallerSearch {
 public:
  CallerSearch(StackWalker& walker, const Walk& walk, const Snapshot& snapshot)
      : walker_(walker), walk_(walk), snapshot_(snapshot) {}

  // The only guess without contradiction or rival; nothing if there is none.
  std::optional<Walk> run();

 private:
  bool set_bounds();
  CallMatch match(uintptr_t return_address);
  bool try_at(uintptr_t frame_pointer);
  std::optional<Walk> verdict();

  StackWalker& walker_;
  const Walk& walk_;
  const Snapshot& snapshot_;
  uintptr_t at_ = 0, end_ = 0;
  uintptr_t lift_ = kPushedPair;  // from rbp to the end of the frame
  uintptr_t stride_ = kStackAlignment;
  std::vector<Guess> guesses_;
  CallMatch best_broken_ = CallMatch::contradicted;  // among those that do not lead to the thread's start
};

// The frame's code shows how far away rbp is at least, and sometimes at most.
bool CallerSearch::set_bounds() {
  const uintptr_t sp = walk_.registers[kRsp];
  const Mapping* mapping = walker_.modules().mapping(sp);
  if (mapping == nullptr) return false;
  end_ = std::min(mapping->end, sp + kMaxSearched);
  if (snapshot_.stack_end > sp) end_ = std::min(end_, snapshot_.stack_end);
  lift_ = walker_.stepper().distance_to_frame_end(walk_.registers).value_or(kPushedPair);
  // Hand-written code may keep rbp at any address.
  if (lift_ != kPushedPair) stride_ = sizeof(uintptr_t);
  const Distance distance = walker_.stepper().where_frame_pointer(walk_.registers);
  if (distance.least >= end_ - sp) return false;
  if (distance.most < end_ - sp) end_ = std::min(end_, sp + distance.most + lift_);
  at_ = (sp + distance.least + stride_ - 1) / stride_ * stride_;
  return true;
}

// A signal handler, and the first function of a context, return to where no call was made: that is as good as a call.
CallMatch CallerSearch::match(uintptr_t return_address) {
  Code& code = walker_.code();
  const CallMatch call = code.match_call(return_address, walk_.registers[kRip], walk_.registers.ip_is_exact);
  if (call != CallMatch::contradicted || code.follows_call(return_address)) return call;
  RegisterSet frame;
  frame.set(kRip, return_address);
  frame.set(kRsp, walk_.registers[kRsp]);
  return walker_.stepper().needs_no_call(frame) ? CallMatch::possible : CallMatch::contradicted;
}

// False if the stack has ended, or the time is up.
bool CallerSearch::try_at(uintptr_t frame_pointer) {
  const auto return_address = walker_.stack().read_value<uintptr_t>(frame_pointer + lift_ - sizeof(uintptr_t));
  if (!return_address) return false;
  if (!walker_.code().is_code(*return_address)) return true;
  if (walker_.is_out_of_time()) {
    guesses_.clear();
    return false;
  }
  const CallMatch call = match(*return_address);
  if (call == CallMatch::contradicted) return true;
  // A frame of a walk that fits at least as well is not a rival of it: otherwise all calls of a recursion would be
  // tried.
  const bool is_known = std::any_of(guesses_.begin(), guesses_.end(), [&](const Guess& guess) {
    return guess.is_supported() && guess.calls_elsewhere == 0 && guess.has_frame(frame_pointer + lift_);
  });
  if (is_known) return true;
  Walk trial = walk_;
  trial.frames.pop_back();
  if (trial.registers_of_frames.size() > trial.frames.size()) trial.registers_of_frames.pop_back();
  trial.registers.set(kRbp, frame_pointer);
  trial.check_calls = true;
  const RegisterSet frame = trial.registers;
  if (walker_.climb(trial) == End::thread_start) {
    const CallerEvidence evidence = walker_.caller_evidence(frame);
    if (evidence.stores == Support::against || evidence.registers == Support::against) return true;
    const CallMatch refined = call == CallMatch::possible ? evidence.call : call;
    guesses_.push_back(Guess{trial.frames[walk_.frames.size() - 1].cfa, refined, evidence,
                             walker_.calls_elsewhere(frame), std::move(trial)});
    return true;
  }
  // With unwind tables, a live stack can be followed. If it cannot, it is left over from finished calls.
  const bool has_tables = walker_.code().procedure(trial.registers.lookup_pc()).has_value();
  if (!trial.is_contradicted && (call == CallMatch::proven || !has_tables)) best_broken_ = std::min(best_broken_, call);
  return true;
}

// Whether two guesses cannot be told apart.
bool is_rival(const Guess& best, const Guess& other) {
  // If one is a frame of the other's walk, it is unknown whether the frames in between are alive or left over.
  if (!best.is_proven()) return other.call <= CallMatch::possible;
  if (best.has_frame(other.cfa) || other.calls_elsewhere > best.calls_elsewhere) return false;
  // What the function has stored in its frame either is there or is not.
  const bool is_shown_by_stores =
      best.evidence.stores == Support::supported && other.evidence.stores != Support::supported;
  return other.rank() <= best.rank() || (other.call == CallMatch::proven && !is_shown_by_stores);
}

// The innermost guess with the best evidence, or nothing if another one contradicts it with equally good evidence. What
// finished calls have left on the stack may fit as well as live frames, except where it meets them: there a call leads
// elsewhere.
std::optional<Walk> CallerSearch::verdict() {
  const auto best = std::min_element(guesses_.begin(), guesses_.end(), [](const Guess& a, const Guess& b) {
    return std::pair(a.calls_elsewhere, a.rank()) < std::pair(b.calls_elsewhere, b.rank());
  });
  if (best == guesses_.end() || best->call > CallMatch::possible) return std::nullopt;
  // In a recursion through a pointer an outer round may be proven although it is a frame of the inner one's walk.
  const bool may_be_outer = std::any_of(guesses_.begin(), best, [&](const Guess& guess) {
    return guess.call <= CallMatch::possible && guess.calls_elsewhere <= best->calls_elsewhere &&
           guess.has_frame(best->cfa) && guess.evidence.stores >= best->evidence.stores;
  });
  if (may_be_outer) return std::nullopt;
  // Another may still be the caller, if the stack above it leads through code that cannot be followed.
  if (best->rank() >= static_cast<int>(best_broken_) && best->call != CallMatch::proven) return std::nullopt;
  const auto rivals_best = [&](const Guess& other) { return &other != &*best && is_rival(*best, other); };
  if (std::any_of(guesses_.begin(), guesses_.end(), rivals_best)) return std::nullopt;
  Walk walk = std::move(best->walk);
  if (!best->is_proven()) {
    walk.note = "the caller of frame " + std::to_string(walk_.frames.size() - 1) +
                " is likely, not proven: found on the stack without a frame pointer";
  }
  return walk;
}

std::optional<Walk> CallerSearch::run() {
  if (!set_bounds()) return std::nullopt;
  for (; at_ < end_ && end_ - at_ >= lift_ && guesses_.size() < kMaxGuesses; at_ += stride_) {
    if (!try_at(at_)) break;
  }
  return verdict();
}

}  // namespace

// The last frame's function has pushed its caller's rbp and copied its stack pointer into rbp, but rbp was not
// captured: somewhere up the stack are the saved rbp and, above it, the return address. There may be stale pairs from
// finished calls in between, in buffers that were never written, and live pairs of other calls above. So a pair counts
// only if from there the stack leads to the thread's start and no call on the way contradicts the function of the frame
// below. The innermost pair whose own call is proven is used, otherwise the innermost possible one; neither if another
// pair fits that is not a frame of that walk.
bool find_caller(StackWalker& walker, Walk& walk, const Snapshot& snapshot) {
  std::optional<Walk> found = CallerSearch(walker, walk, snapshot).run();
  if (!found) return false;
  walk = std::move(*found);
  return true;
}

}  // namespace holdwatch
