// The path by which a program is known: the one that it was started by, as long as that leads to its file, else the file's own.
// Debian's redis-server, for example, is a link to redis-check-rdb.
// Cold context; asks the file system.
#pragma once

#include <string>

namespace holdwatch {

// `path` and `file` are the program's file, as it is called and as it can be opened; `started_as` is what execve was given,
// a path below `root`.
std::string known_program_path(const std::string& path, const std::string& file, const std::string& started_as,
                               const std::string& root);

// Of this process; empty if /proc does not tell.
std::string own_program_path();

}  // namespace holdwatch
