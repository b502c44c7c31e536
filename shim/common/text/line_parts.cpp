// See line_parts.h.
#include "shim/common/text/line_parts.h"

#include <algorithm>

namespace holdwatch {

void LineParts::limit() {
  if (facts_.limit_ns != 0) out_ << " (limit " << Duration{facts_.limit_ns} << ')';
}

void LineParts::held_for(const HolderFacts& holder) {
  if (facts_.lock_kind != LockKind::rwlock) return;
  out_ << (holder.access == Access::shared ? " for reading" : " for writing");
}

void LineParts::likely(bool is_likely) {
  if (is_likely) out_ << "likely ";
}

void LineParts::subject(std::string_view label) {
  if (!label.empty()) out_ << "thread ";
  thread(label);
}

void LineParts::other_holders() {
  if (!are_several()) return;
  const bool readers = facts_.lock_kind == LockKind::rwlock && facts_.holder.access == Access::shared;
  out_ << " and "
       << Count{facts_.holder_count - 1, readers ? " more reader" : " more thread",
                readers ? " more readers" : " more threads"};
}

void LineParts::end_clause() {
  if (facts_.is_of_unknown_process) out_ << ',';
}

void LineParts::since_before() {
  if (!has_holder()) return;
  if (facts_.acquired == Acquired::before_attach) out_ << kSinceBefore;
  const bool began_unseen = facts_.acquired == Acquired::unseen || facts_.acquired == Acquired::elsewhere ||
                            facts_.acquired == Acquired::by_loader;
  if (began_unseen) out_ << " at least";
}

void LineParts::waiting(bool with_longest) {
  const size_t count = facts_.waiter_count + facts_.behind_threads;
  const uint64_t longest_ns = std::max(facts_.longest_wait_ns, facts_.behind_longest_ns);
  if (count == 0) {
    out_ << "no waiters";
    return;
  }
  out_ << Count{count, " thread waits", " threads wait"};
  if (with_longest && longest_ns != 0) out_ << ", " << (count == 1 ? "" : "longest ") << Duration{longest_ns};
  if (facts_.polling == 0) return;
  out_ << ", ";
  if (facts_.polling < count) out_ << facts_.polling << " of them ";
  out_ << "polling";
}

void LineParts::lost() {
  if (facts_.threads_delayed == 0 && facts_.lost_ns == 0) {
    out_ << "no waiters seen";
    return;
  }
  if (facts_.threads_delayed == 0) {
    out_ << "other threads";
  } else {
    out_ << Count{facts_.threads_delayed, " thread", " threads"};
  }
  out_ << " lost " << Duration{facts_.lost_ns} << " waiting";
}

}  // namespace holdwatch
