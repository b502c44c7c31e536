// What state another process is in, and whether it may be traced at all, as /proc tells.
// Of the commands.
#pragma once

#include <string>

namespace holdwatch::control {

// Whether there is a /proc, without which nothing can be known of any process; and one that process `pid` itself can see.
bool has_proc();
bool sees_proc(int pid);
// What to say where there is none, after the name of who needs it.
inline constexpr char kNeedsProc[] =
    "needs /proc, which is not mounted here; to mount it, as root: mount -t proc proc /proc";

// "4711 (redis-server)"; "4711 ()" if it is gone.
std::string describe_process(int pid);

bool is_of_kernel(int pid);

// Gone, or waiting to be buried by its parent. One whose main thread has left lives on in its others.
bool has_ended(int pid);

// The Yama security module's setting, 0 where it is not in use (Documentation/admin-guide/LSM/Yama.rst).
int ptrace_scope();

}  // namespace holdwatch::control
