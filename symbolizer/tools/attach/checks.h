// What can stand in the way of a command, found out before anything is done.
// Reads only. Each check throws a Refusal: one line, with the remedy.
#pragma once

#include <string>

#include "symbolizer/tools/attach/target.h"

namespace holdwatch::control {

// The process is there, and this user may read and write its memory, which is opened for the caller to close.
int open_memory(int pid);

// A library can be loaded into it: not stopped, traced, 32-bit, static or without glibc.
void check_loadable(Target& target);

// It can get our library: by the file's path, or as a copy in memory, which it opens by /proc.
void check_reachable(int pid, const std::string& library);

// It is not stopped, so that it can answer.
void check_running(int pid);

// It has not answered in time: throws a Refusal that says why.
[[noreturn]] void refuse_silent(int pid);

// With a thread of it stopped: no filter of system calls is in force that might kill it for one of ours.
void check_filters(Target& target, int stopped_tid);

}  // namespace holdwatch::control
