// What can prevent a command from working, checked before anything is done.
// Reads only. Each check throws a Refusal: one line, with the remedy.
#pragma once

#include <string>

#include "symbolizer/tools/attach/target.h"

namespace holdwatch::attach {

// The process exists, and this user may read and write its memory, which is opened; the caller must close it.
int open_memory(int pid);

// A library can be loaded into it: it is not stopped, traced, 32-bit, static or without glibc.
void check_loadable(AttachTarget& target);

// It can load our library: by the file's path, or as a copy in memory, which it opens through /proc.
void check_reachable(int pid, const std::string& library);

// It is not stopped, so that it can handle a request.
void check_running(int pid);

// It has not handled the request in time: throws a Refusal with the reason.
[[noreturn]] void refuse_silent(int pid);

// While one of its threads is stopped: no filter of system calls is in force that might kill it for one of our calls.
void check_filters(AttachTarget& target, int stopped_tid);

}  // namespace holdwatch::attach
