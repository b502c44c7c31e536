// A program that brings its own fmt, spdlog and unwinder, and exports what they define: none of these is called by us.
// Each would end the program. The names are those that our libraries are built from.
// RUN-ENV: HOLDWATCH_LIMIT=100ms
// EXPECT: "holder" has held
// EXPECT-JSON: len(over) == 1 and has(holder(over[0])["now"], "wait") and holder(over[0])["now"]["complete"]
#include "tests/programs/harness.h"
using namespace harness;

#define TRAP(number, symbol)                                                                \
  extern "C" [[gnu::used, gnu::visibility("default")]] void trap##number() __asm__(symbol); \
  void trap##number() {                                                                     \
    std::abort();                                                                           \
  }

TRAP(1, "_ZN6spdlog6logger7log_it_ERKNS_7details7log_msgEbb")
TRAP(2, "_ZN6spdlog6logger9set_levelENS_5level10level_enumE")
TRAP(3, "_ZN6spdlog5sinks9base_sinkINS_7details10null_mutexEE3logERKNS2_7log_msgE")
TRAP(4, "_ZNK6spdlog7details10backtracer7enabledEv")
TRAP(5,
     "_ZN3fmt2v97vformatB5cxx11ENS0_17basic_string_viewIcEENS0_17basic_format_argsINS0_20basic_format_contextINS0_"
     "8appenderEcEEEE")
TRAP(6, "unw_step")
TRAP(7, "unw_init_local")
TRAP(8, "unw_init_remote")
TRAP(9, "unw_get_reg")
TRAP(10, "unw_create_addr_space")
TRAP(11, "unw_get_proc_info")

int main() {
  hold_until_reported("holder");
}
