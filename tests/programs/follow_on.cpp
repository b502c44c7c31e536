// A program that is executed by a watched one is watched too.
// RUN-ENV: HOLDWATCH_LIMIT=200ms
// EXPECT-JSON: held_by(over) == {"first", "executed"} and len({event["pid"] for event in over}) == 2
#include "tests/programs/follow.h"

int main(int count, char** arguments) {
  return hold_and_execute_self(count, arguments);
}
