// See wait_chain.h.
#include "symbolizer/waits/wait_chain.h"

#include <algorithm>

namespace holdwatch {
namespace {

// The one thread of this process that is proven to be the one that can end the wait; null: there is none.
const Ender* next_thread(const Wait& wait) {
  const Ender* const one = only_thread(wait);
  return one != nullptr && !is_guess(one->evidence) ? one : nullptr;
}

bool is_in(const WaitChain& chain, int tid) {
  return std::any_of(chain.threads, chain.threads + chain.count,
                     [tid](const ChainThread& one) { return one.tid == tid; });
}

void add_thread(WaitChain& chain, const Ender& ender, const SeenInChain& seen) {
  ChainThread& thread = chain.threads[chain.count++];
  thread.tid = ender.tid;
  thread.wait = seen.wait;
  seen.thread.copy(thread.thread, kThreadNameSize - 1);
  chain.root_doing[seen.doing.copy(chain.root_doing, kRootDoingSize - 1)] = '\0';
}

// For threads of which not one alone is known to be next, or who may not have been found: so it is not the root.
bool waits_for_others(const Wait& wait) {
  return is_for_unknown_holder(wait) || (wait.known && wait.other_ends == kEndsNotCounted) ||
         std::any_of(wait.enders, wait.enders + wait.ender_count,
                     [](const Ender& ender) { return ender.pid == 0 && !is_guess(ender.evidence); });
}

// What the steps of a way rest on.
struct Grounds {
  bool any_unwatched = false;  // the watcher follows waits for locks and for the ends of threads, that are proven
  bool any_other = false;      // than guesses about who signals, posts or wakes

  void add(const Wait& wait, const Ender& next) {
    any_unwatched |= is_guess(next.evidence) || wait.kind == WaitKind::file_lock || wait.kind == WaitKind::child;
    any_other |= next.evidence != Evidence::learnt && next.evidence != Evidence::code;
  }
};

}  // namespace

WaitChain follow_wait(const Wait& wait, const LookInChain& look, const std::function<bool()>& have_stayed) {
  WaitChain chain{};
  for (const Ender* next = next_thread(wait); next != nullptr;
       next = next_thread(chain.threads[chain.count - 1].wait)) {
    if (chain.count == kMaxChain || is_in(chain, next->tid)) return WaitChain{};
    const auto seen = look(*next);
    if (!seen) return WaitChain{};
    add_thread(chain, *next, *seen);
  }
  if (chain.count > 0 && waits_for_others(chain.threads[chain.count - 1].wait)) return WaitChain{};
  return have_stayed() ? chain : WaitChain{};
}

WaitChain follow_likely_circle(int tid, const Wait& wait, const LookInChain& look,
                               const std::function<bool()>& have_stayed) {
  WaitChain chain{};
  Grounds grounds;
  for (const Wait* at = &wait;;) {
    const Ender* const next = ends_by_timeout(*at) ? nullptr : only_thread_anywhere(*at);
    if (next == nullptr) return WaitChain{};
    grounds.add(*at, *next);
    if (next->tid == tid) break;
    if (chain.count == kMaxChain || is_in(chain, next->tid)) return WaitChain{};
    const auto seen = look(*next);
    if (!seen) return WaitChain{};
    add_thread(chain, *next, *seen);
    at = &chain.threads[chain.count - 1].wait;
  }
  chain.comes_back = grounds.any_unwatched && grounds.any_other && chain.count > 0;
  return chain.comes_back && have_stayed() ? chain : WaitChain{};
}

}  // namespace holdwatch
