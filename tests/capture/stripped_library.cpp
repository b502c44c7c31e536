// A library that is linked without symbols and spins in a function that no table names.
// Its exported function is called by blockers.cpp.

namespace {

__attribute__((noinline)) void spin(volatile int* counter) {
  for (;;) *counter = *counter + 1;
}

}  // namespace

extern "C" __attribute__((visibility("default"))) void work_in_library(volatile int* counter) {
  spin(counter);
  *counter = 0;
}
