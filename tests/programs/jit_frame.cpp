// Code that belongs to no file (made at run time, as by a JIT compiler) is given as the bare address; the frames before
// it are exact.
// RUN-ENV: HOLDWATCH_LIMIT=200ms
// EXPECT-JSON: frame(holder(over[0])["taken"], "called_back")["line"] == line("TAKEN HERE")
// EXPECT-JSON: has(holder(over[0])["now"], "called_back")
// EXPECT-JSON: all(f["function"] is None and f["file"] is None for h in over[0]["holders"]
//     for f in h["taken"]["frames"] + h["now"]["frames"] if f["module"] is None)
// EXPECT-JSON: any(f["module"] is None for f in holder(over[0])["now"]["frames"]) or holder(over[0])["now"]["note"]
#include <sys/mman.h>

#include <cstring>
#include <mutex>

#include "tests/programs/harness.h"
using namespace harness;

std::mutex lock;
Event release;

OWN_FRAME void called_back() {
  std::lock_guard guard(lock);  // TAKEN HERE
  release.wait();
}

int main() {
  // sub rsp, 8; call rdi; add rsp, 8; ret
  const unsigned char code[] = {0x48, 0x83, 0xec, 0x08, 0xff, 0xd7, 0x48, 0x83, 0xc4, 0x08, 0xc3};
  void* page = mmap(nullptr, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(page != MAP_FAILED);
  std::memcpy(page, code, sizeof code);
  auto* made_at_run_time = reinterpret_cast<void (*)(void (*)())>(page);
  Thread holder("holder", [=] { made_at_run_time(called_back); });
  await_report("over");
  release.fire();
  await_report("released");
}
