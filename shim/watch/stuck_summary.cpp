// See stuck_summary.h.
#include "shim/watch/stuck_summary.h"

#include <algorithm>

#include "shim/handoff/found_readers.h"
#include "shim/inspection/earlier_readers.h"
#include "shim/record/view_walk.h"
#include "shim/watch/post_request.h"

namespace holdwatch {
namespace {

// What can never end comes first, then what holds up the most threads.
bool is_worse(const Episode& one, const Episode& other) {
  const bool one_lasts = ending_of(one.event) == Ending::lasts_forever;
  const bool other_lasts = ending_of(other.event) == Ending::lasts_forever;
  if (one_lasts != other_lasts) return one_lasts;
  return one.waiting + one.behind > other.waiting + other.behind;
}

// The worst of them, and how many there are.
Episode* worst_of(Episodes& episodes, size_t* count) {
  Episode* worst = nullptr;
  *count = 0;
  for (Episode* episode = episodes.begin_iteration(); episode != episodes.end_iteration(); ++episode) {
    if (!episode->active || episode->ended_ns != 0) continue;
    ++*count;
    if (worst == nullptr || is_worse(*episode, *worst)) worst = episode;
  }
  return worst;
}

void append_episode(const EpisodeContext& in, const Episode& worst, TextBuffer& out) {
  Episode episode = worst;
  in.reader.update(episode, in.timing);
  const Behind& behind = in.trees.describe_behind(episode.goal(), in.timing);
  FoundReaders readers;
  const bool are_found = found_readers(episode.number, &readers);
  append_line(episode, in.reader.state(), in.timing, &behind, are_found ? &readers : nullptr, out);
}

void append_waits(const Timing& timing, TextBuffer& out) {
  size_t waiting = 0;
  uint64_t longest_ns = 0;
  for_each_wait(UINT64_MAX, [&](const WaitView& wait) {
    if (wait.word.condition()) return;
    ++waiting;
    longest_ns = std::max(longest_ns, timing.age_of(wait));
  });
  if (waiting == 0) {
    out << "no thread waits for a mutex or rwlock; holdwatch inspect shows other waits";
    return;
  }
  out << "nothing is over its limit yet: " << waiting
      << (waiting == 1 ? " thread waits for a lock, " : " threads wait for locks, longest ") << Duration{longest_ns}
      << " at least";
  const uint64_t hold_limit_ns = timing.limits().smallest_of_holds_ns();
  const uint64_t wait_limit_ns = timing.limits().of_waits_ns();
  if (hold_limit_ns != UINT64_MAX) out << "; LIMIT " << Duration{hold_limit_ns};
  if (wait_limit_ns != kNoLimit) out << "; WAIT_LIMIT " << Duration{wait_limit_ns};
}

}  // namespace

bool needs_reporter(const EpisodeContext& in) {
  size_t count = 0;
  const Episode* const worst = worst_of(in.episodes, &count);
  FoundReaders readers;
  return worst != nullptr && worst->event == Event::wait && worst->holder_count == 0 &&
         has_only_earlier_readers(worst->lock) && !found_readers(worst->number, &readers);
}

void append_stuck_summary(const EpisodeContext& in, TextBuffer& out) {
  size_t count = 0;
  const Episode* const worst = worst_of(in.episodes, &count);
  if (worst == nullptr) return append_waits(in.timing, out);
  out << "stuck now: ";
  append_episode(in, *worst, out);
  if (needs_reporter(in)) out << "; its readers, if they are found, are named in the report";
  if (count > 1) out << "; and " << count - 1 << " more, see the reports";
}

}  // namespace holdwatch
