// See library_check.h.
#include "symbolizer/tools/launcher/library_check.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "shim/common/elf/cut_file.h"

namespace holdwatch {

void write_library_obstacle(const char* library, TextBuffer& out) {
  if (access(library, R_OK) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) {
      out << library << " does not exist; build or install holdwatch again";
    } else {
      out << library << " cannot be read by this user: " << std::strerror(errno)
          << "; install holdwatch where every user can read it";
    }
  } else if (is_cut(library)) {
    out << library << " is incomplete; build or install holdwatch again";
  } else if (std::strpbrk(library, ": ") != nullptr) {  // both separate the libraries in LD_PRELOAD
    out << "the loader cannot preload " << library
        << ": its path has a colon or a space; install holdwatch in another directory";
  }
}

}  // namespace holdwatch
