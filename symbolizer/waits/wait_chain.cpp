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

}  // namespace

WaitChain follow_wait(const Wait& wait, const std::function<std::optional<SeenInChain>(int tid)>& look,
                      const std::function<bool()>& have_stayed) {
  WaitChain chain{};
  for (int tid = next_thread(wait); tid != 0; tid = next_thread(chain.threads[chain.count - 1].wait)) {
    if (chain.count == kMaxChain || is_in(chain, tid)) return WaitChain{};
    const auto seen = look(tid);
    if (!seen) return WaitChain{};
    ChainThread& thread = chain.threads[chain.count++];
    thread.tid = tid;
    thread.wait = seen->wait;
    seen->thread.copy(thread.thread, kThreadNameSize - 1);
    chain.root_doing[seen->doing.copy(chain.root_doing, kRootDoingSize - 1)] = '\0';
  }
  if (chain.count > 0 && is_for_unknown_holder(chain.threads[chain.count - 1].wait)) return WaitChain{};
  return have_stayed() ? chain : WaitChain{};
}

}  // namespace holdwatch
