// Knowledge about function names: which frames only wrap a lock call or a system call, which part of a demangled name
// stays the same between builds, and how to shorten a name until it is readable.
// Pure; any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "symbolizer/symbols/symbols.h"

namespace holdwatch {

// True for frames of the C++ or Rust standard library itself: wrappers around a lock call (lock_guard,
// std::mutex::lock, __gthread_mutex_lock ...), and what runs between a thread's start and the program's function.
// Whether they appear as frames depends on the optimiser, and no reader looks for the bug in them.
bool is_library_frame(const Frame& frame);

// True for the functions through which glibc 2.41 and later make the system calls of all cancellation points
// (nptl/cancellation.c): send calls __syscall_cancel, which calls two more. To a reader, the waiting function is send.
bool is_cancellation_frame(const Frame& frame);

// The name without return type, parameters and the compiler's suffixes: "Room::add(Session&) [clone .isra.0]" becomes
// "Room::add". Template arguments stay.
std::string stable_function_name(std::string_view function);

// What a lock without any other name is called: by the function that took it. Empty if that is not known.
std::string name_by_acquisition(const std::vector<Frame>& taken);

// The name as a programmer would write it: std::string instead of its basic_string, and template arguments and
// parameters shortened to "<...>" and "(...)" if the name would fill a line.
std::string readable_function_name(std::string_view function);

}  // namespace holdwatch
