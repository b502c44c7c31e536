// Tries the pairs on the stack that may be a saved rbp and a return address. See caller_search.h.
// Cold context only.
#include "symbolizer/unwind/caller_search.h"

#include <algorithm>
#include <utility>

namespace holdwatch {

namespace {

constexpr uintptr_t kMaxSearched = uintptr_t{1} << 20;  // bytes of stack
constexpr uintptr_t kMostPushed = 256;                  // bytes of arguments below a frame of fixed size
constexpr size_t kMaxGuesses = 32;                      // that lead to the thread's start
constexpr uintptr_t kStackAlignment = 16;  // of rbp in a function that pushes it (System V ABI, section 3.2.2)

// What a walk would be if rbp had a certain value, and how well that fits.
struct Guess {
  uintptr_t frame_pointer;
  CallMatch rank;
  Walk walk;

  // Whether a frame of the walk ends where one with its saved rbp at `slot` would.
  bool has_frame(uintptr_t slot) const {
    return std::any_of(walk.frames.begin(), walk.frames.end(),
                       [slot](const RawFrame& frame) { return frame.cfa == slot + 2 * sizeof(uintptr_t); });
  }
};

// Goes on from the last frame as if its rbp were `frame_pointer`: the walk, if that leads to the thread's start.
std::optional<Walk> try_frame_pointer(StackWalker& walker, const Walk& walk, uintptr_t frame_pointer) {
  Walk trial = walk;
  trial.frames.pop_back();
  trial.registers.set(kRbp, frame_pointer);
  trial.check_calls = true;
  if (walker.climb(trial) != End::thread_start) return std::nullopt;
  return trial;
}

// The best guess, of equals the innermost. It is said to be likely only, where another as good contradicts it, being no
// frame of it, or where no direct call proves it: a call through a pointer, as every thread's first function has been
// called by, fits any function whose own frame may have been overwritten.
bool take_best(std::vector<Guess>& guesses, Walk& walk) {
  auto best =
      std::min_element(guesses.begin(), guesses.end(), [](const Guess& a, const Guess& b) { return a.rank < b.rank; });
  if (best == guesses.end()) return false;
  const bool is_contradicted = std::any_of(guesses.begin(), guesses.end(), [&](const Guess& other) {
    return other.rank == best->rank && !best->has_frame(other.frame_pointer);
  });
  const size_t frame = walk.frames.size() - 1;
  const bool is_unproven = best->rank != CallMatch::proven;
  walk = std::move(best->walk);
  if (is_contradicted || is_unproven) {
    walk.note = "the caller of frame " + std::to_string(frame) +
                " is likely, not proven: found on the stack without a frame pointer";
  }
  return true;
}

}  // namespace

// The last frame's function has pushed its caller's rbp and copied its stack pointer into rbp, but rbp was not captured:
// somewhere up the stack lie the saved rbp and above it the return address. Stale pairs of calls that are over may lie in
// between, in buffers that were never written, and live ones of other calls above. So a pair counts only if the stack
// then leads to the thread's start and no call on the way contradicts the function of the frame below; and the one that
// lies just where the prologue puts it wins, or else the best.
bool find_caller(StackWalker& walker, Walk& walk, const Snapshot& snapshot) {
  const uintptr_t sp = walk.registers[kRsp];
  const Mapping* mapping = walker.modules().mapping(sp);
  if (mapping == nullptr) return false;
  uintptr_t end = std::min(mapping->end, sp + kMaxSearched);
  if (snapshot.stack_end > sp) end = std::min(end, snapshot.stack_end);
  const Code& code = walker.code();
  const uintptr_t callee = walk.registers.lookup_pc();
  const std::optional<Procedure> procedure = code.procedure(callee);
  const uintptr_t frame_size = procedure ? code.frame_size(procedure->start) : 0;

  // Beyond, no pair can be this frame's: where its own has been overwritten, no other is to pass for it.
  if (frame_size != 0 && code.has_fixed_frame(*procedure)) end = std::min(end, sp + frame_size + kMostPushed);

  std::vector<Guess> guesses;
  uintptr_t at = (sp + frame_size + kStackAlignment - 1) / kStackAlignment * kStackAlignment;
  for (; at < end && end - at >= 2 * sizeof(uintptr_t) && guesses.size() < kMaxGuesses; at += kStackAlignment) {
    if (walker.is_out_of_time()) break;
    const auto return_address = walker.stack().read_value<uintptr_t>(at + sizeof(uintptr_t));
    if (!return_address) break;
    if (!code.is_code(*return_address)) continue;
    const CallMatch match = code.match_call(*return_address, callee);
    // No call at all is still tried: it may be a signal handler that was not called by one.
    if (match == CallMatch::contradicted && code.follows_call(*return_address)) continue;
    // A frame of a walk that fits no worse is no rival of it: the calls of a recursion would all be tried else.
    if (std::any_of(guesses.begin(), guesses.end(),
                    [&](const Guess& guess) { return guess.rank <= match && guess.has_frame(at); })) {
      continue;
    }
    std::optional<Walk> trial = try_frame_pointer(walker, walk, at);
    if (!trial) continue;
    const CallMatch rank = trial->worst_call == CallMatch::doubtful ? CallMatch::doubtful : match;
    if (frame_size != 0 && at == sp + frame_size && rank <= CallMatch::possible) {
      walk = std::move(*trial);
      return true;
    }
    guesses.push_back(Guess{at, rank, std::move(*trial)});
  }
  return take_best(guesses, walk);
}

}  // namespace holdwatch
