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

// What the walk would be if rbp had a certain value, and how well the call fits that would have made the frame.
struct Guess {
  uintptr_t cfa;  // of the frame whose rbp it is
  CallMatch call;
  Walk walk;

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
  std::vector<Guess> guesses_;
  bool has_broken_proof_ = false;  // a caller whose own call is proven, but not what lies above it
};

// The frame's code says how far rbp is away at least, and sometimes at most.
bool Search::set_bounds() {
  const uintptr_t sp = walk_.registers[kRsp];
  const Mapping* mapping = walker_.modules().mapping(sp);
  if (mapping == nullptr) return false;
  end_ = std::min(mapping->end, sp + kMaxSearched);
  if (snapshot_.stack_end > sp) end_ = std::min(end_, snapshot_.stack_end);
  const Distance distance = walker_.where_frame_pointer(walk_.registers);
  if (distance.least >= end_ - sp) return false;
  if (distance.most < end_ - sp) end_ = std::min(end_, sp + distance.most + 2 * sizeof(uintptr_t));
  at_ = (sp + distance.least + kStackAlignment - 1) / kStackAlignment * kStackAlignment;
  return true;
}

// A signal handler, and the first function of a context, return to where nobody has called them: that is as good as a call.
CallMatch Search::match(uintptr_t return_address) {
  Code& code = walker_.code();
  if (!code.is_code(return_address)) return CallMatch::contradicted;
  const CallMatch call = code.match_call(return_address, walk_.registers[kRip], walk_.registers.ip_is_exact);
  if (call != CallMatch::contradicted || code.follows_call(return_address)) return call;
  RegisterSet frame;
  frame.set(kRip, return_address);
  frame.set(kRsp, walk_.registers[kRsp]);
  return walker_.needs_no_call(frame) ? CallMatch::possible : CallMatch::contradicted;
}

// False where the stack ends.
bool Search::try_at(uintptr_t frame_pointer) {
  const auto return_address = walker_.stack().read_value<uintptr_t>(frame_pointer + sizeof(uintptr_t));
  if (!return_address) return false;
  const CallMatch call = match(*return_address);
  if (call == CallMatch::contradicted) return true;
  // A frame of a walk that fits no worse is no rival of it: the calls of a recursion would all be tried else.
  if (std::any_of(guesses_.begin(), guesses_.end(), [&](const Guess& guess) {
        return guess.call <= call && guess.has_frame(frame_pointer + 2 * sizeof(uintptr_t));
      })) {
    return true;
  }
  Walk trial = walk_;
  trial.frames.pop_back();
  trial.registers.set(kRbp, frame_pointer);
  trial.check_calls = true;
  if (walker_.climb(trial) == End::thread_start) {
    guesses_.push_back(Guess{trial.frames[walk_.frames.size() - 1].cfa, call, std::move(trial)});
    return true;
  }
  has_broken_proof_ = has_broken_proof_ || (call == CallMatch::proven && !trial.is_contradicted);
  return true;
}

// The innermost of those whose own call fits best. Where two contradict each other that fit equally well, neither is taken.
std::optional<Walk> Search::verdict() {
  auto best = std::min_element(guesses_.begin(), guesses_.end(),
                               [](const Guess& a, const Guess& b) { return a.call < b.call; });
  if (best == guesses_.end() || best->call == CallMatch::doubtful) return std::nullopt;
  if (has_broken_proof_ && best->call != CallMatch::proven) return std::nullopt;
  // Of a recursion through a pointer an outer round may be proven, and is a frame of the inner one's walk.
  auto inner = std::find_if(guesses_.begin(), best, [&](const Guess& guess) { return guess.has_frame(best->cfa); });
  if (inner != best) best = inner;
  const bool has_rival = std::any_of(guesses_.begin(), guesses_.end(), [&](const Guess& other) {
    return other.call <= best->call && !best->has_frame(other.cfa);
  });
  if (has_rival) return std::nullopt;
  Walk walk = std::move(best->walk);
  if (best->call != CallMatch::proven) {
    walk.note = "the caller of frame " + std::to_string(walk_.frames.size() - 1) +
                " is likely, not proven: found on the stack without a frame pointer";
  }
  return walk;
}

std::optional<Walk> Search::run() {
  if (!set_bounds()) return std::nullopt;
  for (; at_ < end_ && end_ - at_ >= 2 * sizeof(uintptr_t) && guesses_.size() < kMaxGuesses; at_ += kStackAlignment) {
    if (walker_.is_out_of_time()) return std::nullopt;
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
