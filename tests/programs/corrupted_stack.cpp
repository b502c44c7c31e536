// A holder has overwritten the stack above its innermost frame with what may pass for addresses of code and of frames, and
// is blocked: the report ends where the stack makes no sense, or says that what it found beyond is likely only; it names
// nothing that is not there, and the program goes on.
// RUN-ENV: HOLDWATCH_LIMIT=200ms
// EXPECT-JSON: len(over) == 4 and len(released) == 4
// EXPECT-JSON: all(has(holder(r)["now"], "Event::wait") for r in over)
// EXPECT-JSON: all(holder(r)["now"]["note"] and (not holder(r)["now"]["complete"] or "likely" in holder(r)["now"]["note"])
//     for r in over)
// EXPECT-JSON: all(f["function"] is None or re.search("read|syscall_cancel|wait|blocks_on_garbage|start_thread|clone|std::|invoke",
//     f["function"]) for r in over for f in holder(r)["now"]["frames"])
// EXPECT-JSON: all(frame(holder(r)["taken"], "takes_lock")["line"] in (None, line("TAKEN HERE")) for r in over)
// EXPECT-JSON: all(f["function"] is None or re.search("lock|has_room|Thread|main|std::|start_thread|clone|_M_|invoke",
//     f["function"]) for r in over for f in holder(r)["taken"]["frames"])
#include <cstring>
#include <mutex>

#include "tests/programs/harness.h"
using namespace harness;

std::mutex lock;
constexpr size_t kWords = 64;
uintptr_t g_saved[kWords];

OWN_FRAME void never_called() {
  std::puts("this is no caller of anything");
}

uintptr_t garbage(unsigned kind, uintptr_t* slot) {
  switch (kind) {
    case 0:
      return 0x4141414141414141;
    case 1:  // code, but not behind a call
      return reinterpret_cast<uintptr_t>(&never_called) + 4;
    case 2:  // frames that lead round in circles
      return reinterpret_cast<uintptr_t>(slot);
    default:  // by turns a frame and code
      return reinterpret_cast<uintptr_t>(slot) % 16 == 0 ? reinterpret_cast<uintptr_t>(slot + 2)
                                                         : reinterpret_cast<uintptr_t>(&never_called) + 1;
  }
}

// From this function's own saved rbp and return address on.
OWN_FRAME void blocks_on_garbage(unsigned kind, const Event& release) {
  auto* frame = static_cast<uintptr_t*>(__builtin_frame_address(0));
  std::memcpy(g_saved, frame, sizeof g_saved);
  for (size_t i = 0; i < kWords; ++i) static_cast<volatile uintptr_t*>(frame)[i] = garbage(kind, frame + i);
  release.wait();
  for (size_t i = 0; i < kWords; ++i) static_cast<volatile uintptr_t*>(frame)[i] = g_saved[i];
}

OWN_FRAME void takes_lock(unsigned kind, const Event& release) {
  std::lock_guard guard(lock);  // TAKEN HERE
  blocks_on_garbage(kind, release);
}

// So that the garbage does not reach what the C library keeps at the stack's end.
OWN_FRAME void has_room(unsigned kind, const Event& release) {
  volatile char room[4 * sizeof g_saved];
  room[0] = 1;
  takes_lock(kind, release);
  room[1] = room[0];
}

int main() {
  for (unsigned kind = 0; kind < 4; ++kind) {
    Event release;
    Thread holder("holder", [&] { has_room(kind, release); });
    await_report("over", kind + 1);
    release.fire();
    holder.join();
    await_report("released", kind + 1);
  }
}
