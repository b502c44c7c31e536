// The main function of the tests that are written with Catch2.
#define CATCH_CONFIG_RUNNER  // version 2 is headers alone: one file compiles what is not inline
#include "tests/catch.h"

int main(int argc, char** argv) {
  return Catch::Session().run(argc, argv);
}
