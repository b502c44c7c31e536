// See taken.h. While the frame that took a lock is alive, the frames outside it are the same now as they were then. So
// all that is needed is to find that frame in the holder's present stack.
#include "symbolizer/report/taken.h"

#include <algorithm>
#include <cstring>
#include <string_view>
#include <vector>

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

// True if both addresses lie in one function, and which one is known.
bool same_function(uintptr_t a, uintptr_t b, const FunctionStart& function_start) {
  const uintptr_t start = function_start(a);
  return start != 0 && start == function_start(b);
}

// The index of the live frame in which the stack pointer had this value: a frame's activation spans from the stack
// pointer at its call of the next frame to its canonical frame address. -1 if there is none.
int activation_at(const RawStack& now, uintptr_t sp) {
  uintptr_t lowest = 0;
  for (uint32_t i = 0; i < now.count; ++i) {
    if (sp >= lowest && sp < now.frames[i].cfa) return static_cast<int>(i);
    lowest = now.frames[i].cfa;
  }
  return -1;
}

// The live frame that `site` lies in, -1 if that frame has returned (another function may stand there by now).
int live_frame_of(const CallSite& site, const RawStack& now, const FunctionStart& function_start) {
  const int frame = activation_at(now, site.sp);
  if (frame < 0 || !same_function(site.pc, now.frames[frame].pc, function_start)) return -1;
  return frame;
}

// The recorded sites that can be call sites. The walk that recorded them trusts rbp, which code built without frame
// pointers uses for other things; what it then picks up as a "return address" lies in no known function. The first
// site needs no such trust: it is where the lock call itself returned to.
std::vector<CallSite> plausible_sites(const Holder& holder, const FunctionStart& function_start) {
  std::vector<CallSite> sites;
  for (uint32_t i = 0; i < std::min<uint32_t>(holder.site_count, kMaxCallSites); ++i) {
    if (i == 0 || function_start(holder.sites[i].pc) != 0) sites.push_back(holder.sites[i]);
  }
  return sites;
}

// The first `count` sites as frames. A frame's canonical frame address is the stack pointer that the next site has.
void append_sites(RawStack& stack, const std::vector<CallSite>& sites, size_t count, uintptr_t last_cfa) {
  for (size_t i = 0; i < count; ++i) {
    append(stack, {sites[i].pc, i + 1 < count ? sites[i + 1].sp : last_cfa, false});
  }
}

void append_live_frames(RawStack& stack, const RawStack& now, uint32_t from) {
  for (uint32_t i = from; i < now.count; ++i) append(stack, now.frames[i]);
  stack.complete = now.complete;
  set_note(stack, now.note);
}

// The whole stack was captured at the acquisition: only which of its frames is still alive has to be found.
void use_captured(const Holder& holder, const FunctionStart& function_start, TakenStack& out) {
  out.stack = *holder.taken;
  out.first_alive = out.stack.count;
  if (holder.now == nullptr) return;
  for (uint32_t k = 0; k < out.stack.count; ++k) {
    const RawFrame& then = out.stack.frames[k];
    for (uint32_t i = 0; i < holder.now->count; ++i) {
      const RawFrame& live = holder.now->frames[i];
      if (live.cfa != then.cfa || !same_function(live.pc, then.pc, function_start)) continue;
      out.own_frame = static_cast<int>(i);
      out.first_alive = k;
      return;
    }
  }
}

void use_sites(const Holder& holder, const FunctionStart& function_start, TakenStack& out) {
  const std::vector<CallSite> sites = plausible_sites(holder, function_start);
  for (uint32_t j = 0; holder.now != nullptr && j < sites.size(); ++j) {
    const int frame = live_frame_of(sites[j], *holder.now, function_start);
    if (frame < 0) continue;
    out.own_frame = frame;
    out.first_alive = j;
    append_sites(out.stack, sites, j + 1, holder.now->frames[frame].cfa);
    append_live_frames(out.stack, *holder.now, static_cast<uint32_t>(frame) + 1);
    return;
  }
  append_sites(out.stack, sites, sites.size(), 0);
  out.first_alive = out.stack.count;
  if (sites.empty()) {
    set_note(out.stack, "no call site was recorded");
  } else if (holder.now == nullptr || holder.now->count == 0) {
    set_note(out.stack, "the thread's present stack was not captured: known are the call sites only");
  } else if (function_start(sites[0].pc) == 0) {
    set_note(out.stack, "the code that took it has no unwind tables: known are the call sites only");
  } else {
    set_note(out.stack, "the function that took it has returned: known are the call sites only");
  }
}

}  // namespace

TakenStack assemble_taken(const Holder& holder, const FunctionStart& function_start) {
  TakenStack out{};
  out.own_frame = -1;
  if (holder.taken != nullptr) {
    use_captured(holder, function_start, out);
  } else {
    use_sites(holder, function_start, out);
  }
  return out;
}

}  // namespace holdwatch
