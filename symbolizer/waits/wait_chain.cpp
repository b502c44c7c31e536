// See wait_chain.h.
#include "symbolizer/waits/wait_chain.h"

#include <algorithm>

namespace holdwatch {
namespace {

// The one thread of this process that is proven to be the one that can end the wait; 0: there is none.
int next_thread(const Wait& wait) {
  const Ender* const one = only_thread(wait);
  return one != nullptr && !is_guess(one->evidence) ? one->tid : 0;
}

bool is_in(const WaitChain& chain, int tid) {
  return std::any_of(chain.threads, chain.threads + chain.count,
                     [tid](const ChainThread& one) { return one.tid == tid; });
}

void add_thread(WaitChain& chain, int tid, const SeenInChain& seen) {
  ChainThread& thread = chain.threads[chain.count++];
  thread.tid = tid;
  thread.wait = seen.wait;
  seen.thread.copy(thread.thread, kThreadNameSize - 1);
  chain.root_doing[seen.doing.copy(chain.root_doing, kRootDoingSize - 1)] = '\0';
}

// What the steps of a way rest on.
struct Grounds {
  bool any_guess = false;
  bool any_other = false;  // than guesses about who signals, posts or wakes

  void add(Evidence evidence) {
    any_guess |= is_guess(evidence);
    any_other |= evidence != Evidence::learnt && evidence != Evidence::code;
  }
};

}  // namespace

WaitChain follow_wait(const Wait& wait, const std::function<std::optional<SeenInChain>(int tid)>& look,
                      const std::function<bool()>& have_stayed) {
  WaitChain chain{};
  for (int tid = next_thread(wait); tid != 0; tid = next_thread(chain.threads[chain.count - 1].wait)) {
    if (chain.count == kMaxChain || is_in(chain, tid)) return WaitChain{};
    const auto seen = look(tid);
    if (!seen) return WaitChain{};
    add_thread(chain, tid, *seen);
  }
  if (chain.count > 0 && is_for_unknown_holder(chain.threads[chain.count - 1].wait)) return WaitChain{};
  return have_stayed() ? chain : WaitChain{};
}

WaitChain follow_likely_circle(int tid, const Wait& wait,
                               const std::function<std::optional<SeenInChain>(int tid)>& look,
                               const std::function<bool()>& have_stayed) {
  WaitChain chain{};
  Grounds grounds;
  for (const Wait* at = &wait;;) {
    const Ender* const next = ends_by_timeout(*at) ? nullptr : only_thread(*at);
    if (next == nullptr) return WaitChain{};
    grounds.add(next->evidence);
    if (next->tid == tid) break;
    if (chain.count == kMaxChain || is_in(chain, next->tid)) return WaitChain{};
    const auto seen = look(next->tid);
    if (!seen) return WaitChain{};
    add_thread(chain, next->tid, *seen);
    at = &chain.threads[chain.count - 1].wait;
  }
  chain.comes_back = grounds.any_guess && grounds.any_other && chain.count > 0;
  return chain.comes_back && have_stayed() ? chain : WaitChain{};
}

}  // namespace holdwatch
