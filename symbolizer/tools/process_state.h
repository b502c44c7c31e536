// The state of another process, and whether it may be traced at all, according to /proc.
// Used by the commands.
#pragma once

#include <string>

namespace holdwatch {

// Whether /proc is mounted, without which nothing can be known about any process; and whether process `pid` itself can
// see it.
bool has_proc();
bool sees_proc(int pid);
// The text to print if it is not mounted, after the name of what needs it.
inline constexpr char kNeedsProc[] =
    "needs /proc, which is not mounted here; to mount it, as root: mount -t proc proc /proc";

// "4711 (redis-server)"; "4711 ()" if it has exited.
std::string describe_process(int pid);

bool is_of_kernel(int pid);

// Exited, or a zombie. A process whose main thread has exited lives on in its other threads.
bool has_ended(int pid);

// The setting of the Yama security module, 0 if it is not in use (Documentation/admin-guide/LSM/Yama.rst).
int ptrace_scope();

}  // namespace holdwatch
