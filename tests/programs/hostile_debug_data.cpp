// Modules whose debug data is garbage, in nine degrees, hold a lock: each report comes, with the whole stack, and the
// functions that the symbols know.
// RUN-ENV: HOLDWATCH_LIMIT=100ms
// EXPECT-JSON: len(over) == 9 and len(released) == 9
// EXPECT-JSON: all(holder(r)["now"]["complete"] and holder(r)["taken"]["complete"] for r in over)
// EXPECT-JSON: all(has(holder(r)["now"], "read") and has(holder(r)["now"], "start_thread") for r in over)
// EXPECT-JSON: all(frame(holder(r)["now"], "module_works")["module"].endswith(".so") for r in over[:1])
// EXPECT-JSON: all(len(stack["frames"]) < 100 for r in over for stack in (holder(r)["now"], holder(r)["taken"]))
// EXPECT-JSON: all(len(f["function"] or "") < 5000 and len(f["file"] or "") < 5000
//     for r in over for f in holder(r)["now"]["frames"])
#include "tests/programs/damage.h"

int main(int, char** argv) {
  const std::string whole = damage::module_beside(argv[0]);
  for (unsigned seed = 0; seed < 9; ++seed) {
    std::string elf = whole;
    damage::garble(elf, ".debug_", seed);
    const std::string path = harness::temporary_path(("debug" + std::to_string(seed) + ".so").c_str());
    damage::write_file(path, elf);
    damage::hold_in(damage::load(path));
  }
}
