// The path by which a program is known: the one that it was started by, if that leads to its file, otherwise the file's
// own path. For example, Debian's redis-server is a link to redis-check-rdb.
// Cold context; accesses the file system.
#pragma once

#include <string>

namespace holdwatch {

// `path` and `file` are the path of the program's file, and a path by which it can be opened; `started_as` is what was
// passed to execve, a path below `root`.
std::string known_program_path(const std::string& path, const std::string& file, const std::string& started_as,
                               const std::string& root);

// For this process; empty if it cannot be read from /proc.
std::string current_program_path();

}  // namespace holdwatch
