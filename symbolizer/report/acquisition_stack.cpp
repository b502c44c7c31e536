// See acquisition_stack.h. While the frame that took a lock is alive, the frames outside it are the same as at the
// acquisition. So it is enough to find that frame in the holder's current stack.
#include "symbolizer/report/acquisition_stack.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <string_view>
#include <vector>

#include "symbolizer/report/frame_numbers.h"

namespace holdwatch {
namespace {

using FunctionStart = std::function<uintptr_t(uintptr_t)>;

void set_note(RawStack& stack, std::string_view note) {
  const size_t length = std::min(note.size(), sizeof stack.note - 1);
  std::memcpy(stack.note, note.data(), length);
  stack.note[length] = '\0';
}

void append(RawStack& stack, const RawFrame& frame) {
  if (stack.count < kMaxFrames) stack.frames[stack.count++] = frame;
}

// True if both addresses are in the same known function.
bool same_function(uintptr_t a, uintptr_t b, const FunctionStart& function_start) {
  const uintptr_t start = function_start(a);
  return start != 0 && start == function_start(b);
}

// The index of the live frame in which the stack pointer had this value: a frame's activation spans from the stack
// pointer at its call of the next frame to its canonical frame address. -1 if there is none.
int activation_at(const RawStack& now, uintptr_t sp) {
  // A frame may take a lock while its stack is deeper than now, for arguments or a variable-length array. An address
  // further below belongs to another stack, such as a coroutine's.
  constexpr uintptr_t kBelow = 1024;
  uintptr_t lowest = now.sp > kBelow ? now.sp - kBelow : now.sp;
  for (uint32_t i = 0; i < now.count; ++i) {
    if (sp >= lowest && sp < now.frames[i].cfa) return static_cast<int>(i);
    lowest = now.frames[i].cfa;
  }
  return -1;
}

// The live frame that contains `site`, -1 if that frame has returned (another function's frame may be there by now).
int live_frame_of(const CallSite& site, const RawStack& now, const FunctionStart& function_start) {
  const int frame = activation_at(now, site.sp);
  if (frame < 0 || !same_function(site.pc, now.frames[frame].pc, function_start)) return -1;
  return frame;
}

// The recorded sites that can be call sites. The walk that recorded them trusts rbp, which code built without frame
// pointers uses for other things; a "return address" that it then reads is in no known function. The first site does
// not depend on rbp: it is the return address of the lock call itself.
std::vector<CallSite> plausible_sites(const Holder& holder, const FunctionStart& function_start) {
  std::vector<CallSite> sites;
  for (uint32_t i = 0; i < std::min<uint32_t>(holder.site_count, kMaxCallSites); ++i) {
    if (i == 0 || function_start(holder.sites[i].pc) != 0) sites.push_back(holder.sites[i]);
  }
  return sites;
}

// The same from the innermost frames that were unwound from the part of the stack that was copied at the acquisition.
// Each frame's stack pointer is the canonical frame address of the one before it.
std::vector<CallSite> captured_sites(const Holder& holder) {
  std::vector<CallSite> sites;
  uintptr_t sp = holder.sites[0].sp;
  for (uint32_t i = 0; i < holder.taken->count && sp != 0; ++i) {
    sites.push_back({holder.taken->frames[i].pc, sp});
    sp = holder.taken->frames[i].cfa;
  }
  return sites;
}

// The first `count` sites as frames. A frame's canonical frame address is the stack pointer of the next site.
void append_sites(RawStack& stack, const std::vector<CallSite>& sites, size_t count, uintptr_t last_cfa) {
  for (size_t i = 0; i < count; ++i) {
    append(stack, {sites[i].pc, i + 1 < count ? sites[i + 1].sp : last_cfa, false});
  }
}

void append_live_frames(RawStack& stack, const RawStack& now, uint32_t from) {
  const size_t already = stack.count;
  for (uint32_t i = from; i < now.count; ++i) append(stack, now.frames[i]);
  stack.complete = now.complete;
  set_note(stack, with_frame_numbers(now.note, [&](size_t number) {
             return number < from ? std::nullopt : std::optional(number - from + already);
           }));
}

// Finds the innermost of the acquisition's `count` frames (innermost first) that is still alive; `live(k)` is the live
// frame in place of frame k, -1 if there is none. A function that is called again from another line has its frame where
// the first call had it, such as a guard's constructor that waits for the next lock: so the search goes inwards, and
// stops at a frame that is at another instruction by now. Whatever that frame had called at the acquisition has
// returned.
// If all frames are at the same instructions, the thread may be in a later call from the same line, which cannot be
// detected.
struct Alive {
  uint32_t then;
  int now;  // -1: none is alive
  bool is_proven;
};

template <typename LiveFrame, typename Pc>
Alive innermost_alive(uint32_t count, const RawStack& now, LiveFrame live, Pc pc) {
  Alive alive{count, -1, false};
  for (uint32_t k = count; k-- > 0;) {
    const int frame = live(k);
    if (frame < 0) continue;
    const bool has_gone_on = now.frames[frame].pc != pc(k);
    alive = {k, frame, has_gone_on || count == 1};
    if (has_gone_on) break;
  }
  return alive;
}

// The whole stack was captured at the acquisition: it only remains to find which of its frames are still alive.
void use_captured(const Holder& holder, const FunctionStart& function_start, AcquisitionStack& out) {
  out.stack = *holder.taken;
  out.first_alive = out.stack.count;
  if (holder.now == nullptr) return;
  const auto live = [&](uint32_t k) {
    const RawFrame& then = out.stack.frames[k];
    for (uint32_t i = 0; i < holder.now->count; ++i) {
      const RawFrame& frame = holder.now->frames[i];
      if (frame.cfa == then.cfa && same_function(frame.pc, then.pc, function_start)) return static_cast<int>(i);
    }
    return -1;
  };
  const Alive alive =
      innermost_alive(out.stack.count, *holder.now, live, [&](uint32_t k) { return out.stack.frames[k].pc; });
  out.alive_frame = alive.now;
  out.alive_is_proven = alive.is_proven;
  out.first_alive = alive.then;
}

const char* why_sites_only(const Holder& holder, const std::vector<CallSite>& sites,
                           const FunctionStart& function_start) {
  if (sites.empty()) return "no call site was recorded";
  if (holder.now == nullptr || holder.now->count == 0)
    return "the thread's current stack was not captured: only the call sites are known";
  if (function_start(sites[0].pc) == 0)
    return "the code that took it has no unwind tables: only the call sites are known";
  return "the function that took it has returned, and its callers were not recorded in full";
}

void use_sites(const Holder& holder, const FunctionStart& function_start, AcquisitionStack& out) {
  const std::vector<CallSite> sites =
      holder.taken == nullptr ? plausible_sites(holder, function_start) : captured_sites(holder);
  Alive alive{static_cast<uint32_t>(sites.size()), -1, false};
  if (holder.now != nullptr) {
    alive = innermost_alive(
        alive.then, *holder.now, [&](uint32_t k) { return live_frame_of(sites[k], *holder.now, function_start); },
        [&](uint32_t k) { return sites[k].pc; });
  }
  out.alive_frame = alive.now;
  out.alive_is_proven = alive.is_proven;
  out.first_alive = alive.then;
  if (alive.now < 0) {
    append_sites(out.stack, sites, sites.size(), 0);
    return set_note(out.stack, why_sites_only(holder, sites, function_start));
  }
  append_sites(out.stack, sites, alive.then + 1, holder.now->frames[alive.now].cfa);
  append_live_frames(out.stack, *holder.now, static_cast<uint32_t>(alive.now) + 1);
}

}  // namespace

AcquisitionStack assemble_acquisition_stack(const Holder& holder, const FunctionStart& function_start) {
  AcquisitionStack out{};
  out.alive_frame = -1;
  if (holder.taken != nullptr && !holder.taken_is_part) {
    use_captured(holder, function_start, out);
  } else {
    use_sites(holder, function_start, out);
  }
  return out;
}

}  // namespace holdwatch
