// From raw frames to named ones, inlined functions included, for the stacks of one report.
// Cold context only.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include "shim/common/contract/finding.h"
#include "symbolizer/report/report.h"

namespace holdwatch {

// A named stack, and which of its frames each raw frame became: [begin, end), empty if the raw frame was holdwatch's
// own.
struct NamedStack {
  struct Span {
    size_t begin;
    size_t end;
  };
  Stack stack;
  std::vector<Span> spans;
};

// Names stacks. Used for one report: the stacks of a report share most of their frames.
class StackNamer {
 public:
  using Resolve = std::function<std::vector<Frame>(uintptr_t pc, bool exact)>;
  // Makes `resolve` treat addresses as of this time; returns a different number if its results may differ then.
  using LookBack = std::function<uint64_t(const Period&)>;
  explicit StackNamer(const Resolve& resolve, LookBack look_back = nullptr)
      : resolve_(resolve), look_back_(std::move(look_back)) {}

  NamedStack name(const RawStack& raw) { return name(raw, raw.count, raw.when); }
  // The same, if the frames from `changed` on are of another time than those before, which are of `when`.
  NamedStack name(const RawStack& raw, uint32_t changed, const Period& when);
  // The same for a stack that may not have been captured.
  NamedStack name(const RawStack* raw);

 private:
  const std::vector<Frame>& frames_at(const RawFrame& frame);
  void look_back(const Period& when);

  const Resolve& resolve_;
  LookBack look_back_;
  uint64_t view_ = 0;
  std::map<std::tuple<uint64_t, uintptr_t, bool>, std::vector<Frame>> known_;
};

// The frame in `now` of the function that took the lock, if the raw frames `then_raw` of `taken` and `now_raw` of `now`
// are the same activation. Both may have inlined functions; the innermost one that they share is meant, but for the standard
// library's, which take the lock for their caller.
std::optional<size_t> shared_frame(const NamedStack& taken, size_t then_raw, const NamedStack& now, size_t now_raw);

}  // namespace holdwatch
