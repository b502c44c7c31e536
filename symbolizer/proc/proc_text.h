// Reads text files of /proc, for the symbolizer and for the tools; shim/common/proc parses them.
// Cold context only.
#pragma once

#include <string>
#include <vector>

namespace holdwatch {

// The whole file, which may be empty. If it cannot be read, returns an empty text and sets *error to the errno;
// otherwise to 0.
std::string read_text(const std::string& path, int* error = nullptr);

// A "comm" file without its newline; empty if it cannot be read.
std::string read_name(const std::string& path);

std::string process_file(int pid, const std::string& name);                 // "/proc/PID/NAME"
std::string thread_file(int pid, int tid, const std::string& name);         // "/proc/PID/task/TID/NAME"
std::string current_process_thread_file(int tid, const std::string& name);  // "/proc/self/task/TID/NAME"

// The threads of a process, in ascending order; none if it has exited.
std::vector<int> thread_ids(int pid);

// The processes that /proc shows, in ascending order.
std::vector<int> process_ids();

}  // namespace holdwatch
