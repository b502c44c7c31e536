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

// What the walk would be if rbp had a certain value, and how well the call fits that would have made the frame.
struct Guess {
  uintptr_t cfa;  // of the frame whose rbp it is
  CallMatch call;
  CallerEvidence evidence;
  unsigned calls_elsewhere;  // of the frames further out
  Walk walk;

  // Registers that fit show that it was a frame once, not that it is one still.
  bool is_supported() const { return evidence.stores == Support::supported; }
  bool is_proven() const { return call == CallMatch::proven || (is_supported() && call == CallMatch::possible); }
  // The less, the better: more speaks for it than its call, its call is proven, possible, doubtful.
  int rank() const { return is_supported() && call <= CallMatch::possible ? -1 : static_cast<int>(call); }
  // Whether a frame of the walk ends there.
  bool has_frame(uintptr_t other_cfa) const {
    return std::any_of(walk.frames.begin(), walk.frames.end(),
                       [other_cfa](const RawFrame& frame) { return frame.cfa == other_cfa; });
  }
};

class Search {
 public:
  Search(StackWalker& walker, const Walk& walk, const Snapshot& snapshot)
      : walker_(walker), walk_(walk), snapshot_(snapshot) {}

  // The one guess that nothing speaks against; nothing if there is none.
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
  uintptr_t lift_ = kPushedPair;  // from rbp to where the frame ends
  uintptr_t stride_ = kStackAlignment;
  std::vector<Guess> guesses_;
  CallMatch best_broken_ = CallMatch::contradicted;  // of those from which the thread's start is not reached
};

// The frame's code says how far rbp is away at least, and sometimes at most.
bool Search::set_bounds() {
  const uintptr_t sp = walk_.registers[kRsp];
  const Mapping* mapping = walker_.modules().mapping(sp);
  if (mapping == nullptr) return false;
  end_ = std::min(mapping->end, sp + kMaxSearched);
  if (snapshot_.stack_end > sp) end_ = std::min(end_, snapshot_.stack_end);
  lift_ = walker_.distance_to_frame_end(walk_.registers).value_or(kPushedPair);
  // Hand-written code keeps rbp where it likes.
  if (lift_ != kPushedPair) stride_ = sizeof(uintptr_t);
  const Distance distance = walker_.where_frame_pointer(walk_.registers);
  if (distance.least >= end_ - sp) return false;
  if (distance.most < end_ - sp) end_ = std::min(end_, sp + distance.most + lift_);
  at_ = (sp + distance.least + stride_ - 1) / stride_ * stride_;
  return true;
}

// A signal handler, and the first function of a context, return to where nobody has called them: that is as good as a call.
CallMatch Search::match(uintptr_t return_address) {
  Code& code = walker_.code();
  const CallMatch call = code.match_call(return_address, walk_.registers[kRip], walk_.registers.ip_is_exact);
  if (call != CallMatch::contradicted || code.follows_call(return_address)) return call;
  RegisterSet frame;
  frame.set(kRip, return_address);
  frame.set(kRsp, walk_.registers[kRsp]);
  return walker_.needs_no_call(frame) ? CallMatch::possible : CallMatch::contradicted;
}

// False where the stack ends, or the time is up.
bool Search::try_at(uintptr_t frame_pointer) {
  const auto return_address = walker_.stack().read_value<uintptr_t>(frame_pointer + lift_ - sizeof(uintptr_t));
  if (!return_address) return false;
  if (!walker_.code().is_code(*return_address)) return true;
  if (walker_.is_out_of_time()) {
    guesses_.clear();
    return false;
  }
  const CallMatch call = match(*return_address);
  if (call == CallMatch::contradicted) return true;
  // A frame of a walk that fits no worse is no rival of it: the calls of a recursion would all be tried else.
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
  // By tables a stack that is alive can be followed. One that cannot is what is left of another.
  const bool has_tables = walker_.code().procedure(trial.registers.lookup_pc()).has_value();
  if (!trial.is_contradicted && (call == CallMatch::proven || !has_tables)) best_broken_ = std::min(best_broken_, call);
  return true;
}

// Whether two guesses cannot be told apart.
bool is_rival(const Guess& best, const Guess& other) {
  // If one is a frame of the other's walk it is open whether the frames between are alive or left over.
  if (!best.is_proven()) return other.call <= CallMatch::possible;
  if (best.has_frame(other.cfa) || other.calls_elsewhere > best.calls_elsewhere) return false;
  // What the function has stored in its frame is there or is not.
  const bool is_told_by_stores =
      best.evidence.stores == Support::supported && other.evidence.stores != Support::supported;
  return other.rank() <= best.rank() || (other.call == CallMatch::proven && !is_told_by_stores);
}

// The innermost of those for which most speaks. Where two contradict each other of which as much can be said, none is taken.
// What is left of calls that are over may fit as well as what is alive, but for the place where it meets that: there a call
// leads elsewhere.
std::optional<Walk> Search::verdict() {
  const auto best = std::min_element(guesses_.begin(), guesses_.end(), [](const Guess& a, const Guess& b) {
    return std::pair(a.calls_elsewhere, a.rank()) < std::pair(b.calls_elsewhere, b.rank());
  });
  if (best == guesses_.end() || best->call > CallMatch::possible) return std::nullopt;
  // Of a recursion through a pointer an outer round may be proven, and is a frame of the inner one's walk.
  const bool may_be_outer = std::any_of(guesses_.begin(), best, [&](const Guess& guess) {
    return guess.call <= CallMatch::possible && guess.calls_elsewhere <= best->calls_elsewhere &&
           guess.has_frame(best->cfa) && guess.evidence.stores >= best->evidence.stores;
  });
  if (may_be_outer) return std::nullopt;
  // Another may be the caller all the same, if the stack above it leads through code that cannot be followed.
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

std::optional<Walk> Search::run() {
  if (!set_bounds()) return std::nullopt;
  for (; at_ < end_ && end_ - at_ >= lift_ && guesses_.size() < kMaxGuesses; at_ += stride_) {
    if (!try_at(at_)) break;
  }
  return verdict();
}

}  // namespace

// The last frame's function has pushed its caller's rbp and copied its stack pointer into rbp, but rbp was not captured:
// somewhere up the stack lie the saved rbp and above it the return address. Stale pairs of calls that are over may lie in
// between, in buffers that were never written, and live ones of other calls above. So a pair counts only if the stack
// then leads to the thread's start and no call on the way contradicts the function of the frame below. The innermost
// whose own call is proven is taken, else the innermost possible one; not if another that is no frame of that walk
// fits too.
bool find_caller(StackWalker& walker, Walk& walk, const Snapshot& snapshot) {
  std::optional<Walk> found = Search(walker, walk, snapshot).run();
  if (!found) return false;
  walk = std::move(*found);
  return true;
}

}  // namespace holdwatch
