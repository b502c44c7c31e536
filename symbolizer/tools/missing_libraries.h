// Why a shared library cannot be loaded, in words that say what to install.
// For commands that start wherever there is a libc, and load what they need when they need it.
#pragma once

#include <string>

namespace holdwatch {

// For when dlopen(file) has failed with the loader's message `error`: the text to print after the name of what needs
// it, "needs libdw.so.1, which is not installed; on Debian: apt-get install libdw1".
std::string why_not_loaded(const std::string& file, const std::string& error);

// dlopen(file, RTLD_NOW | RTLD_LOCAL). If it cannot be loaded: nullptr, and that text in `why`. A file that is incomplete
// is not passed to the loader, which would end this process with SIGBUS.
void* open_library(const std::string& file, std::string& why);

// The path of the symbolizer that belongs to that libholdwatch.so; empty if it does not exist.
std::string symbolizer_beside(const std::string& library);
// The same of the decoder, which is beside the symbolizer.
std::string decoder_beside(const std::string& library);

// Empty if it can be loaded here; otherwise the text to print after "the symbolizer", as above.
std::string why_symbolizer_not_loaded(const std::string& library);

// The Debian package that contains the library of that name.
std::string debian_package_of(const std::string& soname);

}  // namespace holdwatch
