// See named_stack.h.
#include "symbolizer/report/named_stack.h"

#include "symbolizer/report/frame_numbers.h"
#include "symbolizer/report/function_names.h"
#include "symbolizer/report/text_format.h"

namespace holdwatch {
namespace {

// The hooks are between the program and its lock calls: true frames, but no reader needs them.
bool is_of_holdwatch(const Frame& frame) {
  return base_name(frame.module).starts_with("libholdwatch");
}

}  // namespace

const std::vector<Frame>& StackNamer::frames_at(const RawFrame& frame) {
  const auto [entry, is_new] = known_.try_emplace({view_, frame.pc, frame.pc_is_exact});
  if (is_new) entry->second = resolve_(frame.pc, frame.pc_is_exact);
  return entry->second;
}

void StackNamer::look_back(const Period& when) {
  if (look_back_) view_ = look_back_(when);
}

NamedStack StackNamer::name(const RawStack& raw, uint32_t changed, const Period& when) {
  NamedStack named;
  named.stack.complete = raw.complete;
  named.spans.reserve(raw.count);
  look_back(when);
  for (uint32_t i = 0; i < raw.count; ++i) {
    if (i == changed) look_back(raw.when);
    std::vector<Frame>& frames = named.stack.frames;
    const size_t begin = frames.size();
    for (const Frame& frame : frames_at(raw.frames[i])) {
      if (!is_of_holdwatch(frame)) frames.push_back(frame);
    }
    named.spans.push_back({begin, frames.size()});
  }
  // If functions are inlined into the frame's function, the note refers to the function itself.
  named.stack.note = with_frame_numbers(raw.note, [&](size_t number) -> std::optional<size_t> {
    if (number >= named.spans.size() || named.spans[number].begin == named.spans[number].end) return std::nullopt;
    return named.spans[number].end - 1;
  });
  if (named.stack.frames.empty() && named.stack.note.empty()) named.stack.note = "stack not captured";
  return named;
}

NamedStack StackNamer::name(const RawStack* raw) {
  if (raw != nullptr) return name(*raw);
  NamedStack named;
  named.stack.note = "stack not captured";
  return named;
}

std::optional<size_t> shared_frame(const NamedStack& taken, size_t then_raw, const NamedStack& now, size_t now_raw) {
  const NamedStack::Span then = taken.spans[then_raw];
  const NamedStack::Span present = now.spans[now_raw];
  if (then.begin == then.end || present.begin == present.end) return std::nullopt;
  size_t shared = present.end - 1;
  for (size_t inwards = 0; then.end - inwards > then.begin && present.end - inwards > present.begin; ++inwards) {
    const Frame& a = taken.stack.frames[then.end - 1 - inwards];
    const Frame& b = now.stack.frames[present.end - 1 - inwards];
    if (a.function != b.function) break;
    shared = present.end - 1 - inwards;
    // At another line, the functions inlined further in belong to another call.
    if (a.line != b.line || a.file != b.file) break;
  }
  // A lock and the next one may be taken at the same line, in a loop for example. The standard library's functions that are inlined
  // there are then alike in both stacks, but of two calls: what took the lock is the function that called them.
  while (shared + 1 < present.end && is_library_frame(now.stack.frames[shared])) ++shared;
  return shared;
}

}  // namespace holdwatch
