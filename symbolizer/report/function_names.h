// What is known about function names: which frames only wrap a lock call or a system call, how a demangled name is stripped to what stays
// the same between builds, and how it is made short enough to read.
// Pure; any thread.
#pragma once

#include <string>
#include <string_view>

#include "symbolizer/symbols/symbols.h"

namespace holdwatch {

// True for the own frames of the C++ library, or of Rust's: its wrappers round a lock call (lock_guard, std::mutex::lock,
// __gthread_mutex_lock ...), and what it puts between a thread's start and the program's function. Whether they are
// frames of their own depends on the optimiser, and no reader looks for the bug in them.
bool is_library_frame(const Frame& frame);

// True for the functions through which glibc 2.41 and later make the system calls of all cancellation points
// (nptl/cancellation.c): send calls __syscall_cancel, which calls two more. Who waits is in send.
bool is_cancellation_frame(const Frame& frame);

// The name without return type, parameters and the compiler's suffixes: "Room::add(Session&) [clone .isra.0]" and
// "Room::add" are one function. Template arguments stay.
std::string stable_function_name(std::string_view function);

// The name as a person would write it: std::string for the basic_string it stands for, and template arguments and
// parameters left out as "<...>" and "(...)" where the name would fill a line.
std::string readable_function_name(std::string_view function);

}  // namespace holdwatch
