// What /proc tells of another process, as text.
// Of the commands; an empty answer means that it cannot be read, or that the process is gone.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace holdwatch::control {

std::string read_text(const std::string& path);

// The value of a line of /proc/PID/status (or of a thread's), without what stands around it: status_field(text, "TracerPid").
std::string status_field(std::string_view status, std::string_view name);
uint64_t status_mask(std::string_view status, std::string_view name);  // SigBlk and its like: hexadecimal

std::string thread_file(int pid, int tid, const char* name);
std::vector<int> thread_ids(int pid);

// "4711 (redis-server)".
std::string describe_process(int pid);

bool is_of_kernel(int pid);

// Gone, or waiting to be buried by its parent. One whose main thread has left lives on in its others.
bool has_ended(int pid);

}  // namespace holdwatch::control
