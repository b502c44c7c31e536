// Why a shared library cannot be loaded, in words that say what to install.
// For commands, which start wherever there is a libc, and load what they need when they need it.
#pragma once

#include <string>

namespace holdwatch {

// After dlopen(file) has failed, in the loader's words `error`: what to say after the name of who needs it,
// "needs libdw.so.1, which is not installed; on Debian: apt-get install libdw1".
std::string why_not_loaded(const std::string& file, const std::string& error);

// Where the symbolizer of that libholdwatch.so is; empty if it is not there.
std::string symbolizer_beside(const std::string& library);

// Empty if it can be loaded here; else what to say after "the symbolizer", as above.
std::string why_symbolizer_not_loaded(const std::string& library);

// The package in which Debian has the library of that name.
std::string debian_package_of(const std::string& soname);

}  // namespace holdwatch
