// A wait in words, for "doing": "waits for thread 4711 "relay" to exit".
// Pure.
#pragma once

#include <string>

#include "shim/common/contract/wait.h"

namespace holdwatch {

// Empty for kinds that the system call describes better, with its arguments. `tid`: the thread that waits; 0: not known.
std::string describe_wait(const Wait& wait, int tid = 0);

// For the end of a system call's description: ", held by process 4711 "backup""; empty if it is not known who holds it.
std::string describe_other_processes(const Wait& wait);

}  // namespace holdwatch
