// What the hooks of prctl and syscall do when the program installs a system call filter.
// Cold context in the program's thread: waits until our threads are out of what the filter may forbid.
#pragma once

namespace holdwatch {

// Whether the arguments of syscall(2) or prctl(2) ask for a filter that may kill or stop whoever makes a forbidden call.
bool installs_killing_filter(long number, const long (&arguments)[6]);

// The calls that may install one, and what has to be done around it.
[[gnu::noinline, gnu::cold]] int prctl_slow(int option, unsigned long a, unsigned long b, unsigned long c,
                                            unsigned long d);
[[gnu::noinline, gnu::cold]] long syscall_slow(long number, long a, long b, long c, long d, long e);

}  // namespace holdwatch
