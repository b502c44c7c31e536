// The unit tests' main function, which Catch2 writes.
#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>
