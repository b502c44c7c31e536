// One number for one bug: a hash of what stays the same between processes, runs, hosts and, mostly, builds.
// Pure. Its inputs are listed in docs/json.md; a change here splits all users' statistics into before and after.
#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <span>
#include <vector>

#include "shim/common/text/lock_kind_name.h"
#include "symbolizer/report/function_names.h"
#include "symbolizer/report/report.h"
#include "symbolizer/report/report_names.h"
#include "symbolizer/report/text_format.h"

namespace holdwatch {
namespace {

// FNV-1a, 64 bit (http://www.isthe.com/chongo/tech/comp/fnv/): it need not be secure or fast, only give the same number
// to everyone who has the names.
class Hash {
 public:
  void add(std::string_view word) {
    for (const char c : word) step(static_cast<unsigned char>(c));
    step(0);  // so that "ab","c" and "a","bc" differ
  }
  uint64_t value() const { return value_; }

 private:
  void step(unsigned char byte) { value_ = (value_ ^ byte) * 0x100000001b3u; }
  uint64_t value_ = 0xcbf29ce484222325u;
};

// The C and C++ runtime. Its internal functions have names only on hosts with its debug symbols.
bool in_runtime(const Frame& frame) {
  const std::string_view module = base_name(frame.module);
  for (const std::string_view prefix :
       {"libc.so", "libc-2.", "libpthread", "ld-linux", "libstdc++.so", "libc++", "libgcc_s", "[vdso]"}) {
    if (module.starts_with(prefix)) return true;
  }
  return false;
}

// "__libc_send", "__send" and "send" are one function at one address; which of the names is found depends on the symbol
// table.
std::string runtime_name(std::string_view function) {
  std::string name = stable_function_name(function);
  for (bool changed = true; changed;) {
    changed = false;
    for (const std::string_view prefix : {"__GI_", "_IO_", "__libc_", "__new_", "_"}) {
      if (name.starts_with(prefix) && name.size() > prefix.size()) {
        name.erase(0, prefix.size());
        changed = true;
        break;
      }
    }
  }
  return name;
}

// The frames of the program and its libraries, without those of the C++ library, whose number depends on the optimiser.
// All frames if there are no others.
std::vector<Frame> distinctive_frames(std::span<const Frame> frames) {
  std::vector<Frame> telling;
  std::copy_if(frames.begin(), frames.end(), std::back_inserter(telling),
               [](const Frame& frame) { return !is_library_frame(frame); });
  return telling.empty() ? std::vector<Frame>(frames.begin(), frames.end()) : telling;
}

// Adds the frames' names. Of consecutive runtime frames only the outermost counts: the program called it, so it is
// exported and has a name everywhere.
void add_frames(Hash& hash, const std::vector<Frame>& frames) {
  for (size_t i = 0; i < frames.size(); ++i) {
    const Frame& frame = frames[i];
    const bool runtime = in_runtime(frame);
    if (runtime && i + 1 < frames.size() && in_runtime(frames[i + 1])) continue;
    if (frame.function.empty()) {
      hash.add(base_name(frame.module));
    } else {
      hash.add(runtime ? runtime_name(frame.function) : stable_function_name(frame.function));
    }
  }
}

// Removes the runtime's thread start functions: they have names only with the runtime's debug symbols.
void drop_thread_start(std::vector<Frame>& frames) {
  while (frames.size() > 1 && in_runtime(frames.back())) frames.pop_back();
}

void add_acquire_stack(Hash& hash, const Stack& stack) {
  std::vector<Frame> frames = distinctive_frames(stack.frames);
  drop_thread_start(frames);
  hash.add("taken");
  add_frames(hash, frames);
}

// The holder's stack down to the frame that took the lock; all of it if that frame has returned.
void add_present_stack(Hash& hash, const ReportHolder& holder) {
  std::span<const Frame> shown = holder.now.frames;
  if (holder.now_took) shown = shown.first(std::min(*holder.now_took + 1, shown.size()));
  std::vector<Frame> frames = distinctive_frames(shown);
  if (!holder.now_took) drop_thread_start(frames);
  hash.add("now");
  add_frames(hash, frames);
}

// Which thread of a cycle comes first depends on the run: the smallest of all rotations is used.
void add_cycle(Hash& hash, const Report& report) {
  std::vector<uint64_t> steps;
  for (size_t i = 0; i < report.holders.size(); ++i) {
    Hash step;
    step.add(lock_kind_name(i < report.cycle.size() ? report.cycle[i].lock_kind : report.lock_kind));
    add_acquire_stack(step, report.holders[i].taken);
    add_present_stack(step, report.holders[i]);
    steps.push_back(step.value());
  }
  std::vector<uint64_t> least = steps;
  for (size_t i = 0; i < steps.size(); ++i) {
    std::rotate(steps.begin(), steps.begin() + 1, steps.end());
    least = std::min(least, steps);
  }
  for (const uint64_t step : least) hash.add(fmt::format("{:x}", step));
}

}  // namespace

std::string fingerprint(const Report& report) {
  Hash hash;
  hash.add(event_name(report.event));
  if (is_cycle(report.event)) {
    add_cycle(hash, report);
    return fmt::format("{:016x}", hash.value());
  }
  hash.add(lock_kind_name(report.lock_kind));
  if (is_about_waits(report.event)) {
    // Which thread holds the lock at that moment is chance: a long wait is identified by where it waits.
    if (!report.waiters.empty()) add_acquire_stack(hash, report.waiters.front().stack);
  } else if (!report.holders.empty()) {
    add_acquire_stack(hash, report.holders.front().taken);
    add_present_stack(hash, report.holders.front());
  }
  for (const ReportOrderEdge& edge : report.edges) add_acquire_stack(hash, edge.stack);
  return fmt::format("{:016x}", hash.value());
}

}  // namespace holdwatch
