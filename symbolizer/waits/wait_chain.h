// From a wait to the thread that can end it, and on to what that one waits for: up to the root.
// Cold context.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "shim/common/contract/wait.h"

namespace holdwatch {

struct SeenInChain {
  std::string thread;  // its name
  Wait wait{};
  std::string doing;
};

// The thread that an ender names.
using LookInChain = std::function<std::optional<SeenInChain>(const Ender& thread)>;

// `look` gives what a thread is seen to do; nothing if that is not known. `have_stayed` is asked at the end, once: whether
// all threads that were looked at have stayed where they were. Without that, if the threads wait in a circle, and if the
// last one waits for a lock whose holder is not known, the result is empty.
WaitChain follow_wait(const Wait& wait, const LookInChain& look, const std::function<bool()>& have_stayed);

// The way from the wait of the thread `tid` back to that thread, by likely steps too, and through other processes: probably a deadlock.
// Empty if it does not lead back, if a timeout ends one of the waits, or if all steps are proven and such as the watcher follows:
// it finds those. Also if each is a guess about who signals, posts or wakes: such guesses alone prove nothing.
WaitChain follow_likely_circle(int tid, const Wait& wait, const LookInChain& look,
                               const std::function<bool()>& have_stayed);

}  // namespace holdwatch
