// FOLLOW=0: removes this library from LD_PRELOAD, so that programs that this one executes are not watched.
// Start context: changes the environment's text in place, before the program can have read it.
#pragma once

namespace holdwatch {

// `own_path` is how the loader calls this library; entries of LD_PRELOAD with the same file name are ours. Others stay.
void leave_preload_variable(char** environment, const char* own_path);

}  // namespace holdwatch
