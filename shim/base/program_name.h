// The program's name, as EXE matches it.
// Start context. No allocation, no lock.
#pragma once

namespace holdwatch {

// The last part of argv[0]. For a program that was started through a link of the kernel (/proc/self/exe, /dev/fd/5) without
// another name, its file's name.
const char* program_name();

}  // namespace holdwatch
