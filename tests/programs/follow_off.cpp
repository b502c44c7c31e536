// FOLLOW=0: a program that is executed by a watched one is not.
// RUN-ENV: HOLDWATCH_LIMIT=200ms HOLDWATCH_FOLLOW=0
// EXPECT-JSON: held_by(e) == {"first"} and len({event["pid"] for event in e}) == 1
#include "tests/programs/follow.h"

int main(int count, char** arguments) {
  return hold_and_execute_self(count, arguments);
}
