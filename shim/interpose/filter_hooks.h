// What the hooks of prctl and syscall do when the program installs a system call filter.
// Cold context in the program's thread: waits until our threads are outside the calls that the filter may forbid.
#pragma once

namespace holdwatch {

// Whether the arguments of syscall(2) or prctl(2) install a filter that may kill or stop a thread for a forbidden call.
bool installs_killing_filter(long number, const long (&arguments)[6]);

// The calls that may install a filter, and what has to be done around them.
[[gnu::noinline, gnu::cold]] int prctl_slow(int option, unsigned long a, unsigned long b, unsigned long c,
                                            unsigned long d);
[[gnu::noinline, gnu::cold]] long syscall_slow(long number, long a, long b, long c, long d, long e);

}  // namespace holdwatch
