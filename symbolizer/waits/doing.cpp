// See doing.h.
#include "symbolizer/waits/doing.h"

#include "symbolizer/activity/activity.h"
#include "symbolizer/waits/wait_words.h"

namespace holdwatch {

std::string describe_doing(const Snapshot& snapshot, const Wait& wait, std::string_view lock_name,
                           const CallContext& context) {
  const bool has_own_words = lock_name.empty() || wait.kind == WaitKind::stream;
  const std::string words = has_own_words ? describe_wait(wait, snapshot.tid) : "";
  return words.empty() ? describe_activity(snapshot, lock_name, context) + describe_other_processes(wait) : words;
}

}  // namespace holdwatch
