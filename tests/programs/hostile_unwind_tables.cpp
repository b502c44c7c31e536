// Modules whose unwind tables are garbage, in nine degrees, hold a lock: each report comes, names no function that is not on
// the stack, and where the tables end says so.
// RUN-ENV: HOLDWATCH_LIMIT=100ms
// EXPECT-JSON: len(over) == 9 and len(released) == 9
// EXPECT-JSON: all(holder(r)["thread"] == "holder" for r in over)
// EXPECT-JSON: all(holder(r)["taken"]["frames"][0]["function"] == "(anonymous namespace)::module_holds(pthread_mutex_t*, int)"
//     for r in over)
// EXPECT-JSON: all(has(holder(r)["now"], "read") for r in over)
// EXPECT-JSON: all(stack["complete"] or stack["note"] for r in over for stack in (holder(r)["now"], holder(r)["taken"]))
// EXPECT-JSON: all(f["function"] is None or re.search(r"read|syscall_cancel|module_|hold_in|Thread|std::|start_thread|clone|_M_|invoke",
//     f["function"]) for r in over for stack in (holder(r)["now"], holder(r)["taken"]) for f in stack["frames"])
#include "tests/programs/damage.h"

int main(int, char** argv) {
  const std::string whole = damage::module_beside(argv[0]);
  for (unsigned seed = 0; seed < 9; ++seed) {
    std::string elf = whole;
    damage::garble(elf, ".eh_frame", seed);
    const std::string path = harness::temporary_path(("tables" + std::to_string(seed) + ".so").c_str());
    damage::write_file(path, elf);
    damage::hold_in(damage::load(path));
  }
}
