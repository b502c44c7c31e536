// The name that a program goes by, as EXE has it.
// Start context. No allocation, no lock.
#pragma once

namespace holdwatch {

// The last part of argv[0]. A program that was started through a link of the kernel's (/proc/self/exe, /dev/fd/5) without
// having been given another name is called by its file's.
const char* program_name();

}  // namespace holdwatch
